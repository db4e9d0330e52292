//! Compact JSON laid out over lines, as cJSON does it for `mosquitto_sub --pretty`: tabs, `"key":<TAB>value`, arrays on
//! one line. It must not know what the JSON says.

/// Appends `compact`, which is JSON without blanks between its tokens.
pub(super) fn write(compact: &[u8], out: &mut Vec<u8>) {
    let mut layout = Layout::default();
    let mut bytes = compact.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        layout.write(byte, bytes.peek().copied(), out);
    }
}

#[derive(Default)]
struct Layout {
    /// The brackets that are open; arrays indent what is in them, too.
    open: Vec<u8>,
    in_string: bool,
    escaped: bool,
}

impl Layout {
    fn write(&mut self, byte: u8, next: Option<u8>, out: &mut Vec<u8>) {
        if self.in_string {
            out.push(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'{' => {
                self.open.push(byte);
                out.extend_from_slice(b"{\n");
                if next != Some(b'}') {
                    self.indent(out);
                }
            }
            b'}' => {
                self.open.pop();
                if out.last() != Some(&b'\n') {
                    out.push(b'\n');
                }
                self.indent(out);
                out.push(byte);
            }
            b'[' => {
                self.open.push(byte);
                out.push(byte);
            }
            b']' => {
                self.open.pop();
                out.push(byte);
            }
            b',' if self.open.last() == Some(&b'{') => {
                out.extend_from_slice(b",\n");
                self.indent(out);
            }
            b',' => out.extend_from_slice(b", "),
            b':' => out.extend_from_slice(b":\t"),
            other => {
                self.in_string = other == b'"';
                out.push(other);
            }
        }
    }

    fn indent(&self, out: &mut Vec<u8>) {
        out.resize(out.len() + self.open.len(), b'\t');
    }
}

#[cfg(test)]
mod tests {
    /// What mosquitto_sub 2.0.11 prints.
    #[test]
    fn the_layout_is_that_of_cjson() {
        let compact = br#"{"x":[1,2,{"a":1,"b":{}},[],[[1,2],{"q":null}]],"e":{},"s":"t{,:\"}"}"#;
        let expected = "{\n\t\"x\":\t[1, 2, {\n\t\t\t\"a\":\t1,\n\t\t\t\"b\":\t{\n\t\t\t}\n\t\t}, [], [[1, 2], {\n\t\t\t\t\"q\":\tnull\n\t\t\t}]],\n\
                        \t\"e\":\t{\n\t},\n\t\"s\":\t\"t{,:\\\"}\"\n}";
        let mut out = Vec::new();
        super::write(compact, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
