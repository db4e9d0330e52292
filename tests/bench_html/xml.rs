//! A strict check of markup: tags close in order, attributes are quoted, entities are those of XML.

/// Whether a document is well-formed but for its DOCTYPE.
pub(crate) fn check(page: &str) -> Result<(), String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").ok_or("no DOCTYPE")?;
    let mut open: Vec<&str> = Vec::new();
    let mut seen_root = false;
    while !rest.is_empty() {
        let Some(inner) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            let text = &rest[..end];
            if open.is_empty() && !text.trim().is_empty() {
                return Err(format!("text outside the root: {text:?}"));
            }
            // The style sheet is text, too: what is special in XML must not be in it.
            characters(text)?;
            rest = &rest[end..];
            continue;
        };
        let end = inner.find('>').ok_or("a tag does not end")?;
        let tag = &inner[..end];
        rest = &inner[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(begun) if begun == name => {}
                other => return Err(format!("</{name}> closes {other:?}")),
            }
            continue;
        }
        let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let name = tag.split(' ').next().unwrap_or_default();
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        {
            return Err(format!("no name of an element: {tag:?}"));
        }
        attributes(&tag[name.len()..]).map_err(|fault| format!("{fault} in <{tag}>"))?;
        if open.is_empty() && std::mem::replace(&mut seen_root, true) {
            return Err("a second root".to_owned());
        }
        if !empty {
            open.push(name);
        }
    }
    if open.is_empty() && seen_root {
        Ok(())
    } else {
        Err(format!("not closed: {open:?}"))
    }
}

fn attributes(mut rest: &str) -> Result<(), String> {
    let mut names = Vec::new();
    while !rest.is_empty() {
        rest = rest
            .strip_prefix(' ')
            .ok_or("no space before an attribute")?
            .trim_start();
        let (name, behind) = rest.split_once("=\"").ok_or("an attribute without a quoted value")?;
        let (value, behind) = behind.split_once('"').ok_or("a value does not end")?;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if name.is_empty() || !plain || names.contains(&name) {
            return Err(format!("bad or repeated attribute {name:?}"));
        }
        names.push(name);
        characters(value)?;
        rest = behind;
    }
    Ok(())
}

/// Text has no other entities than XML's and no characters that XML forbids.
fn characters(text: &str) -> Result<(), String> {
    for (index, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
        if !known.iter().any(|entity| text[index..].starts_with(entity)) {
            return Err(format!("a lone & in {text:?}"));
        }
    }
    let forbidden = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.contains("]]>") || text.contains(forbidden) {
        return Err(format!("a forbidden character in {text:?}"));
    }
    Ok(())
}

/// All tags that open something.
pub(crate) fn tags(page: &str) -> Vec<&str> {
    let pieces = page.split('<').skip(2).filter(|piece| !piece.starts_with('/'));
    pieces.filter_map(|piece| piece.split('>').next()).collect()
}

/// The value of an attribute.
pub(crate) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let at = tag.find(&format!(" {name}=\""))?;
    tag[at + name.len() + 3..].split('"').next()
}

/// Where a text of a drawing stands, roughly.
#[derive(Debug)]
pub(crate) struct TextBox {
    left: f64,
    right: f64,
    y: f64,
}

impl TextBox {
    pub(crate) fn touches(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && (self.y - other.y).abs() < 11.0
    }
}

/// All texts of a drawing, by a width of 6.2 for each character.
pub(crate) fn text_boxes(drawing: &str) -> Vec<TextBox> {
    let mut boxes = Vec::new();
    for piece in drawing.split("<text ").skip(1) {
        let (tag, rest) = piece.split_once('>').unwrap();
        let text = rest.split('<').next().unwrap();
        let tag = format!(" {tag}");
        let number = |name| attribute(&tag, name).unwrap().parse::<f64>().unwrap();
        let (x, y, width) = (number("x"), number("y"), text.chars().count() as f64 * 6.2);
        let left = match attribute(&tag, "text-anchor") {
            Some("end") => x - width,
            Some("middle") => x - width / 2.0,
            _ => x,
        };
        boxes.push(TextBox {
            left,
            right: left + width,
            y,
        });
    }
    boxes
}

#[test]
fn faults_are_found() {
    let page = |body: &str| check(&format!("<!DOCTYPE html>\n<html>{body}</html>\n"));
    assert_eq!(page("<p class=\"a\" id=\"b\">x &lt; y<br/></p>"), Ok(()));
    for bad in [
        "<p>",
        "<b><i></b></i>",
        "<p class=a></p>",
        "a & b",
        "<br>",
        "<P></P>",
        "\u{1}",
        "<p a=\"1\" a=\"2\"></p>",
        "<p a=\"<\"></p",
    ] {
        assert!(page(bad).is_err(), "{bad}");
    }
}
