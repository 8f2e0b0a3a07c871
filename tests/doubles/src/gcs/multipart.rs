//! `multipart/related`, as far as uploads use it.

use axum::body::Bytes;

/// The bodies of all parts, or none if the message is not well formed.
pub(crate) fn split(content_type: &str, body: &Bytes) -> Option<Vec<Bytes>> {
    let boundary = content_type.split("boundary=").nth(1)?.split(';').next()?.trim_matches('"');
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut at = find(body, delimiter.as_bytes())? + delimiter.len();
    while !body[at..].starts_with(b"--") {
        let begin = at + find(&body[at..], b"\r\n\r\n")? + 4;
        let end = begin + find(&body[begin..], format!("\r\n{delimiter}").as_bytes())?;
        parts.push(body.slice(begin..end));
        at = end + 2 + delimiter.len();
    }
    Some(parts)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_parts_with_line_breaks_in_them() {
        let body = Bytes::from("--x\r\nA: b\r\n\r\n{}\r\n--x\r\nA: b\r\n\r\na\r\n\r\nb\r\n--x--\r\n");
        assert_eq!(split("multipart/related; boundary=x", &body).unwrap(), ["{}", "a\r\n\r\nb"]);
        assert_eq!(split("multipart/related; boundary=x", &Bytes::from("--x\r\nA: b\r\n\r\n{}")), None);
        assert_eq!(split("text/plain", &body), None);
    }
}
