//! Markup around text. It must not know what the text says.

use super::super::super::text;

/// Text for content and quoted attributes. Characters that do not print are shown as Rust writes them.
pub(super) fn escaped(plain: &str) -> String {
    let mut printable = String::new();
    for (index, part) in plain.split('\u{a0}').enumerate() {
        // The one invisible character that numbers with units need.
        if index > 0 {
            printable.push('\u{a0}');
        }
        text::escape(part, &mut printable);
    }
    let mut out = String::with_capacity(printable.len());
    for c in printable.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // No characters of XML.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// Begins a section with a heading. Its text is plain.
pub(super) fn section(id: &str, heading: &str, out: &mut String) {
    out.push_str(&format!(
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n",
        escaped(heading)
    ));
}

/// A paragraph of plain text.
pub(super) fn paragraph(class: &str, plain: &str, out: &mut String) {
    out.push_str(&format!("<p class=\"{class}\">{}</p>\n", escaped(plain)));
}

/// A list of plain texts.
pub(super) fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>, out: &mut String) {
    out.push_str("<ul>\n");
    for item in items {
        out.push_str(&format!("<li>{}</li>\n", escaped(item.as_ref())));
    }
    out.push_str("</ul>\n");
}

/// Begins a table of these columns, the first one of names; end it with [`END_TABLE`].
pub(super) fn table(class: &str, caption: &str, columns: &[&str], out: &mut String) {
    out.push_str(&format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\">\n\
         <table class=\"{class}\">\n<caption>{0}</caption>\n<thead><tr>",
        escaped(caption)
    ));
    for column in columns {
        out.push_str(&format!("<th scope=\"col\">{}</th>", escaped(column)));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
}

/// What ends a [`table`].
pub(super) const END_TABLE: &str = "</tbody>\n</table>\n</div>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_markup() {
        assert_eq!(
            escaped("<a href=\"x\">'&amp;'\u{1}\u{202e}\u{ffff}"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;\\u{1}\\u{202e}\\u{ffff}"
        );
    }
}
