//! A second opinion on keys: a scan of text that `serde_json` calls well formed, by other means than a visitor.

/// The keys of every object, unescaped, in the order of the text. Innermost objects come first.
pub fn objects(text: &str) -> Vec<Vec<String>> {
    let (mut done, mut open) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '{', '}']) {
        let here = &rest[at..];
        rest = &here[1..];
        match here.as_bytes()[0] {
            b'{' => open.push(Vec::new()),
            b'}' => done.extend(open.pop()),
            _ => {
                let literal = &here[..string(here)];
                rest = &here[literal.len()..];
                if rest.trim_start().starts_with(':') {
                    let key = serde_json::from_str(literal).unwrap();
                    open.last_mut().unwrap().push(key);
                }
            }
        }
    }
    done
}

/// The length of the string that `text` starts with, quotes included.
fn string(text: &str) -> usize {
    let mut escaped = false;
    let closes = |byte: u8| {
        let quote = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        quote
    };
    2 + text.bytes().skip(1).position(closes).unwrap()
}
