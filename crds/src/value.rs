//! Text values with a rule: what has been parsed into one of these needs no second check.
//!
//! Each is a string on the wire, carries its pattern and its bound into the CRD schema, and keeps one
//! spelling per meaning, so that two spellings of one request have one digest.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A text broke the rule of its type. The message says the rule; the caller knows the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub(crate) String);

/// Gives a newtype its string form: serde through `FromStr` and `Display`, and a bounded, patterned schema.
macro_rules! text_value {
    ($name:ident, $pattern:expr, $longest:literal, $description:literal) => {
        impl $name {
            /// What every text of this type matches; in schemas too.
            pub const PATTERN: &'static str = $pattern;
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string", "description": $description, "pattern": Self::PATTERN, "maxLength": $longest,
                })
            }
        }
    };
}

/// What the rule of a type says about a text, found by the pattern that the type puts into schemas; `None` for a pattern
/// that is no type's.
pub(crate) fn check(pattern: &str, text: &str) -> Option<Result<(), ValueError>> {
    fn as_type<T: FromStr<Err = ValueError>>(text: &str) -> Result<(), ValueError> {
        text.parse::<T>().map(drop)
    }
    let check = match pattern {
        Geography::PATTERN => as_type::<Geography>,
        Decimal::PATTERN => as_type::<Decimal>,
        Digest::PATTERN => as_type::<Digest>,
        Folder::PATTERN => as_type::<Folder>,
        LocalDate::PATTERN => as_type::<LocalDate>,
        Quantity::PATTERN => as_type::<Quantity>,
        _ => return None,
    };
    Some(check(text))
}

/// A country or a region of the user's own: a capital letter, then 1 to 7 capitals or digits, as `NO` or `EMEA`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Geography(String);

text_value!(Geography, "^[A-Z][A-Z0-9]{1,7}$", 8, "A country or a region: 2 to 8 capital letters or digits, a letter first.");

impl Geography {
    /// The code itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Geography {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bytes = text.as_bytes();
        let fits = (2..=8).contains(&bytes.len())
            && bytes[0].is_ascii_uppercase()
            && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError("must be 2 to 8 capital letters or digits, a letter first, as NO or EMEA".into()))
        }
    }
}

impl fmt::Display for Geography {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A decimal number from 0, with at most 12 digits before and 6 after the point; kept in its shortest spelling,
/// so that `0.50` and `0.5` are one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(String);

text_value!(
    Decimal,
    r"^[0-9]{1,12}(\.[0-9]{1,6})?$",
    19,
    "A decimal number from 0 as a string: at most 12 digits before the point and 6 after it."
);

impl Decimal {
    /// The nearest binary floating-point number.
    pub fn to_f64(&self) -> f64 {
        // What `FromStr` accepts is a valid floating-point literal.
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The value in millionths, exactly.
    pub fn millionths(&self) -> u64 {
        let (whole, fraction) = self.0.split_once('.').unwrap_or((&self.0, ""));
        let digits = |text: &str| text.bytes().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'));
        digits(whole) * 1_000_000 + digits(&format!("{fraction:0<6}"))
    }
}

impl FromStr for Decimal {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let refused =
            || ValueError("must be a decimal number in quotes, as \"0.5\": at most 12 digits before the point and 6 after it".into());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole, 12) || !digits(fraction, 6) {
            return Err(refused());
        }
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            rest => rest,
        };
        let fraction = fraction.trim_end_matches('0');
        Ok(Self(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256 as 64 lowercase hexadecimal digits, bare: it is a path segment and a JSON value alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

text_value!(Digest, "^[0-9a-f]{64}$", 64, "A SHA-256 as 64 lowercase hexadecimal digits.");

impl Digest {
    /// The SHA-256 of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(bytes);
        Self(hash.iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}")))
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError("must be a SHA-256: 64 lowercase hexadecimal digits".into()))
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A folder in an object store: `gs://bucket/...` or `file:///...`, always ending in `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Folder(String);

text_value!(
    Folder,
    r"^(gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9_.=@+-]+)*/?|file://(/[A-Za-z0-9_.=@+-]+)+/?)$",
    1024,
    "A folder: gs://bucket/... or, for `reprise run` only, file:///...; at most 1024 characters."
);

impl Folder {
    /// The whole address, ending in `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a folder of this machine, which no cluster can read.
    pub fn is_local(&self) -> bool {
        self.0.starts_with("file://")
    }

    /// The address of something below this folder.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for Folder {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let refused = || ValueError("must be gs://bucket/folder/ or file:///folder/, of letters, digits and _.=@+-".into());
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        let segments = if let Some(path) = trimmed.strip_prefix("gs://") {
            let (bucket, path) = path.split_once('/').map_or((path, None), |(bucket, path)| (bucket, Some(path)));
            if !is_bucket(bucket) {
                return Err(refused());
            }
            path
        } else {
            Some(trimmed.strip_prefix("file:///").ok_or_else(refused)?)
        };
        if text.len() > 1024 || !segments.is_none_or(|path| path.split('/').all(is_segment)) {
            return Err(refused());
        }
        Ok(Self(format!("{trimmed}/")))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_bucket(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    (3..=63).contains(&bytes.len())
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(byte))
}

/// One step of a path; `.` and `..` would leave the folder that was allowed.
fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.=@+-".contains(&byte))
}

/// A local calendar date, `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDate(pub jiff::civil::Date);

text_value!(LocalDate, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", 10, "A local calendar date, YYYY-MM-DD.");

impl FromStr for LocalDate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let refused = || ValueError("must be a calendar date, as \"2011-05-31\"".into());
        let date: jiff::civil::Date = text.parse().map_err(|_| refused())?;
        // One spelling per day: the parser also takes 20110531 and times of day.
        if date.to_string() == text { Ok(Self(date)) } else { Err(refused()) }
    }
}

impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An amount of a machine's resource in Kubernetes' spelling, as `500m`, `4` or `8Gi`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quantity(String);

text_value!(
    Quantity,
    "^[1-9][0-9]{0,11}(m|k|M|G|T|Ki|Mi|Gi|Ti)?$",
    14,
    "An amount in Kubernetes' spelling: a whole number from 1 and a unit, as 500m, 4 or 8Gi."
);

impl Quantity {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Quantity {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let unit = matches!(&text[digits..], "" | "m" | "k" | "M" | "G" | "T" | "Ki" | "Mi" | "Gi" | "Ti");
        if (1..=12).contains(&digits) && !text.starts_with('0') && unit {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError("must be a whole number from 1 and a unit, as \"500m\", \"4\" or 8Gi".into()))
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
