//! How one field of a format string is fitted in: `%[-][0][width][.precision][separator]`, with Mosquitto's habits. It
//! must not know what the fields are.

use super::text::hex;

/// Width, precision and fill of one field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pad {
    pub(super) left: bool,
    pub(super) zero: bool,
    pub(super) width: usize,
    pub(super) precision: Option<usize>,
    /// Between groups of hexadecimal digits.
    pub(super) separator: u8,
}

impl Pad {
    /// Zeros go only before what is on the right.
    fn fill(self) -> u8 {
        if self.zero && !self.left { b'0' } else { b' ' }
    }

    /// Fills up to the width, before or behind the text.
    fn fit(self, text: &[u8], fill: u8, out: &mut Vec<u8>) {
        let missing = self.width.saturating_sub(text.len());
        if !self.left {
            out.resize(out.len() + missing, fill);
        }
        out.extend_from_slice(text);
        if self.left {
            out.resize(out.len() + missing, b' ');
        }
    }

    /// What is not there: as many fill characters as it would have been wide.
    pub(super) fn blank(self, out: &mut Vec<u8>) {
        let fill = if self.zero { b'0' } else { b' ' };
        out.resize(out.len() + self.width, fill);
    }

    /// Bytes, cut to the precision, and blanks up to the width.
    pub(super) fn text(self, text: &[u8], out: &mut Vec<u8>) {
        let text = self.precision.and_then(|most| text.get(..most)).unwrap_or(text);
        self.fit(text, b' ', out);
    }

    /// The width also cuts, and zeros may fill it.
    pub(super) fn payload(self, payload: &[u8], out: &mut Vec<u8>) {
        self.fit(self.cut(payload), self.fill(), out);
    }

    /// At most as many bytes as the width says.
    fn cut(self, payload: &[u8]) -> &[u8] {
        match self.width {
            0 => payload,
            width => payload.get(..width).unwrap_or(payload),
        }
    }

    /// A number; a sign stands before zeros.
    pub(super) fn number(self, number: i64, out: &mut Vec<u8>) {
        let (sign, digits) = (if number < 0 { "-" } else { "" }, number.unsigned_abs().to_string());
        self.signed(sign, digits.as_bytes(), self.fill(), out);
    }

    /// A floating point number as `printf("%f")` writes it: six digits unless the precision says otherwise.
    pub(super) fn float(self, value: f64, out: &mut Vec<u8>) {
        let sign = if value.is_sign_negative() { "-" } else { "" };
        let precision = self.precision.unwrap_or(6);
        let (text, fill) = match value.abs() {
            value if value.is_nan() => ("nan".to_owned(), b' '),
            value if value.is_infinite() => ("inf".to_owned(), b' '),
            value => (format!("{value:.precision$}"), self.fill()),
        };
        self.signed(sign, text.as_bytes(), fill, out);
    }

    fn signed(self, sign: &str, digits: &[u8], fill: u8, out: &mut Vec<u8>) {
        let text = [sign.as_bytes(), digits].concat();
        if fill == b'0' {
            out.extend_from_slice(sign.as_bytes());
            let width = self.width.saturating_sub(sign.len());
            Self { width, ..self }.fit(digits, fill, out);
        } else {
            self.fit(&text, fill, out);
        }
    }

    /// Two digits a byte. The width counts digits for filling and bytes for cutting; the precision is digits per group.
    /// The separator stands between groups, and in the filling too.
    pub(super) fn hex(self, payload: &[u8], upper: bool, out: &mut Vec<u8>) {
        let shown = self.cut(payload);
        let missing = self.width.saturating_sub(shown.len() * 2);
        let filling = std::iter::repeat_n(self.fill(), if self.left { 0 } else { missing });
        let shown = shown.iter().flat_map(|byte| hex(*byte));
        let shown = shown.map(|digit| if upper { digit.to_ascii_uppercase() } else { digit });
        let group = self.precision.unwrap_or(0);
        for (index, column) in filling.chain(shown).enumerate() {
            if group > 0 && index > 0 && index % group == 0 {
                out.push(self.separator);
            }
            out.push(column);
        }
        if self.left {
            out.resize(out.len() + missing, b' ');
        }
    }
}
