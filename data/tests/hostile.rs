//! Bad files and bad specifications: each gives one message whose first line names the place, the cause and the next
//! step; nothing is written, nothing panics. The messages stand in `hostile/`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;
use common::{HEADER, SALES, Source};

const GOOD: &str = "a,1,2024-01-05 10:00,cream,1,100,NO,sale\n";

fn norway(rows: &str) -> Source {
    Source::sales(rows).markets(&["NO"])
}

/// [`SALES`] for one market, with one file of any bytes.
fn file(name: &str, bytes: &[u8]) -> Source {
    Source::new(SALES, &["NO"]).replace("path: sales*.csv", &format!("path: {name}")).bytes(name, bytes)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn sales(rows: &str) -> Vec<u8> {
    format!("{HEADER}{rows}").into_bytes()
}

fn utf16(text: &str) -> Vec<u8> {
    [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// A sound Parquet file of sales; `amount` is a column of its own kind.
fn parquet_sales(amount: ArrayRef) -> Vec<u8> {
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    parquet(vec![
        ("customer", text("a")),
        ("order", text("1")),
        ("at", text("2024-01-05 10:00")),
        ("product", text("cream")),
        ("units", Arc::new(Int64Array::from(vec![1]))),
        ("amount", amount),
        ("market", text("NO")),
        ("kind", text("sale")),
    ])
}

fn stored(bytes: &[u8]) -> Source {
    file("sales.parquet", bytes).replace("csv: {}", "parquet: {}")
}

fn view(sql: &str) -> Source {
    let quoted = serde_json::to_string(sql).unwrap();
    let (head, _) = SALES.split_once("  sql:").unwrap();
    Source::new(&format!("{head}  sql: {quoted}\n"), &["NO"]).file("sales.csv", &format!("{HEADER}{GOOD}"))
}

fn json_lines(text: &str) -> Source {
    let columns = "columns: [{name: customer, type: Text}, {name: order, type: Text}, {name: product, type: Text}, {name: market, type: Text}, {name: kind, type: Text}, ";
    file("sales.jsonl", text.as_bytes()).replace("csv: {}", "jsonLines: {}").replace("columns: [", columns)
}

/// Every case by name, in the order of the snapshot.
fn cases() -> Vec<(&'static str, Source)> {
    let mut cases = compressed();
    cases.extend(csv());
    cases.extend(cells());
    cases.extend(stored_files());
    cases.extend(views());
    cases.extend(tables());
    cases
}

fn compressed() -> Vec<(&'static str, Source)> {
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 6);
        bytes
    };
    let flipped = |mut bytes: Vec<u8>| {
        let last = bytes.len() - 6;
        bytes[last] ^= 0xFF;
        bytes
    };
    let bomb = zstd::encode_all(std::io::repeat(b'\n').take_bytes(80 << 20), 1).unwrap();
    let zeros = gz(&vec![0; 4 << 20]);
    let zst = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    vec![
        ("no bytes", file("sales.csv", b"")),
        ("no bytes, zst", file("sales.csv.zst", b"")),
        ("an empty gz", file("sales.csv.gz", &gz(b""))),
        ("a cut gz", file("sales.csv.gz", &cut(gz(&sales(GOOD))))),
        ("a gz with another checksum", file("sales.csv.gz", &flipped(gz(&sales(GOOD))))),
        ("a cut zst", file("sales.csv.zst", &cut(zst(&sales(&GOOD.repeat(50)))))),
        ("text named gz", file("sales.csv.gz", &sales(GOOD))),
        ("text named zst", file("sales.csv.zst", &sales(GOOD))),
        ("a bomb of line ends", file("sales.csv.zst", &bomb)),
        ("a bomb of zeros", file("sales.csv.gz", &zeros)),
        ("two gz members", file("sales.csv.gz", &[gz(HEADER.as_bytes()), gz(GOOD.as_bytes())].concat())),
    ]
}

trait TakeBytes {
    fn take_bytes(self, limit: u64) -> std::io::Take<Self>
    where
        Self: Sized;
}

impl<R: std::io::Read> TakeBytes for R {
    fn take_bytes(self, limit: u64) -> std::io::Take<Self> {
        self.take(limit)
    }
}

fn csv() -> Vec<(&'static str, Source)> {
    let wide = (0..100_000).map(|index| format!("c{index}")).collect::<Vec<_>>().join(",");
    vec![
        ("UTF-16", file("sales.csv", &utf16(&format!("{HEADER}{GOOD}")))),
        ("a byte order mark", file("sales.csv", format!("\u{feff}{HEADER}{GOOD}").as_bytes())),
        ("blank lines only", file("sales.csv", b"\n\n\r\n")),
        ("a header only", norway("")),
        ("no header", file("sales.csv", GOOD.as_bytes())),
        (
            "another delimiter",
            file("sales.csv", &sales(GOOD).iter().map(|byte| if *byte == b',' { b';' } else { *byte }).collect::<Vec<_>>()),
        ),
        ("a column twice", file("sales.csv", b"customer,order,order\n")),
        ("a column without a name", file("sales.csv", b"customer,,order\n")),
        ("a header that is no text", file("sales.csv", b"customer,\xFF\xFE\n")),
        ("100,000 columns", file("sales.csv", format!("{wide}\n").as_bytes())),
        ("100,000 cells", norway(&format!("{wide}\n"))),
        ("an open quote", norway(&format!("{GOOD}a,2,2024-01-06 10:00,\"cream,1,100,NO,sale\n"))),
        ("an open quote at the very end", norway(&format!("{GOOD}\""))),
        ("a cell of 2 MiB", norway(&format!("{}\n", "x".repeat(2 << 20)))),
        ("fewer cells", norway("a,1\n")),
        ("more cells", norway("a,1,2024-01-05 10:00,cream,1,100,NO,sale,x\n")),
        ("a delimiter at the end of each line", file("sales.csv", format!("{}\n", HEADER.trim()).replace('\n', ",\n").as_bytes())),
        ("mixed line ends", norway(&format!("{}{}", GOOD.replace('\n', "\r\n"), GOOD.replace('\n', "\r")))),
        ("no end of the last line", norway(GOOD.trim_end())),
        ("a quoted line end", norway("a,1,2024-01-05 10:00,\"cr\neam\",1,100,NO,sale\n")),
    ]
}

fn cells() -> Vec<(&'static str, Source)> {
    let cell = |column: &str, value: &str| {
        let good: Vec<&str> = GOOD.trim().split(',').collect();
        let names: Vec<&str> = HEADER.trim().split(',').collect();
        let row: Vec<&str> = names.iter().zip(good).map(|(name, cell)| if *name == column { value } else { cell }).collect();
        norway(&format!("{}\n", row.join(",")))
    };
    let mostly_good = format!("{}a,9,2024-01-06 10:00,cream,1,free,NO,sale\n", GOOD.repeat(99));
    vec![
        ("latin-1 in a text", file("sales.csv", &[HEADER.as_bytes(), b"a,1,2024-01-05 10:00,cr\xE8me,1,100,NO,sale\n"].concat())),
        ("NUL in a text", cell("product", "cre\0am")),
        ("NaN", cell("amount", "NaN")),
        ("infinity", cell("amount", "∞")),
        ("1e309", cell("amount", "1e309")),
        ("a decimal comma without its setting", cell("amount", "\"12,50\"")),
        ("thousands separators", cell("amount", "1 000.00")),
        ("a number of 40 digits", cell("amount", "1234567890123456789012345678901234567890")),
        ("7 digits after the point", cell("amount", "0.0000001")),
        ("a fraction as an integer", cell("units", "1.5")),
        ("2^63", cell("units", "9223372036854775808")),
        ("30 February", cell("at", "2024-02-30 10:00")),
        ("another date format", cell("at", "05/01/2024 10:00")),
        ("a zone in brackets", cell("at", "2024-01-05T10:00+01:00[Europe/Oslo]")),
        ("an offset after a value without", norway(&format!("{GOOD}{}", GOOD.replace("10:00", "10:00Z")))),
        ("the year 9999", cell("at", "9999-12-31 23:59:59")),
        ("the year 0", cell("at", "0000-01-01")),
        ("a formula as text", cell("product", "=cmd|'/c calc'!A1")),
        ("leading zeros of an id", cell("customer", "007")),
        ("an id of 300 bytes", cell("customer", &"9".repeat(300))),
        ("an empty amount", cell("amount", "")),
        ("one bad row of 100", norway(&mostly_good)),
        ("one bad row of 100, none allowed", norway(&mostly_good).replace("views:", "quarantine: {maxShare: \"0\"}\nviews:")),
        ("a JSON list", json_lines("[1,2]\n")),
        ("JSON cut short", json_lines("{\"customer\": \"a\"\n")),
        ("JSON with a nested value", json_lines("{\"customer\": {\"id\": 1}}\n")),
        ("JSON of 2 MiB in a line", json_lines(&format!("\"{}\"\n", "x".repeat(2 << 20)))),
        ("JSON nested 100,000 deep", json_lines(&"[".repeat(100_000))),
    ]
}

fn stored_files() -> Vec<(&'static str, Source)> {
    let sound = parquet_sales(Arc::new(StringArray::from(vec!["100"])));
    let lists = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]));
    let mut damaged = sound.clone();
    damaged[4..60].fill(0xFF);
    let mut long_footer = sound.clone();
    let at = long_footer.len() - 8;
    long_footer[at..at + 4].copy_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
    vec![
        ("Parquet", stored(&sound)),
        ("Parquet of no bytes", stored(b"")),
        ("Parquet that is only its magic", stored(b"PAR1PAR1")),
        ("Parquet with a cut footer", stored(&sound[..sound.len() - 20])),
        ("Parquet with a footer longer than the file", stored(&long_footer)),
        ("Parquet with damaged pages", stored(&damaged)),
        ("CSV named Parquet", stored(&sales(GOOD))),
        ("Parquet without a declared column", stored(&parquet(vec![("customer", Arc::new(StringArray::from(vec!["a"])))]))),
        ("Parquet with a list where a value belongs", stored(&parquet_sales(lists))),
        ("Parquet whose footer points before the file", stored(include_bytes!("../../tests/fuzz/corpus/parquet/negative-offset"))),
        ("Parquet with NaN", stored(&parquet_sales(Arc::new(Float64Array::from(vec![f64::NAN]))))),
        ("Parquet with 1e300 as a decimal", stored(&parquet_sales(Arc::new(Float64Array::from(vec![1e300]))))),
    ]
}

fn views() -> Vec<(&'static str, Source)> {
    let mut deep = String::from("SELECT 1");
    (0..1_000).for_each(|_| deep.push_str("+1"));
    let nested = format!("SELECT {}1{}", "(".repeat(1_500), ")".repeat(1_500));
    vec![
        ("no SQL", view("please")),
        ("SQL cut short", view("SELECT customer FROM")),
        ("an unknown column", view("SELECT customer AS customer_id,\n  custmer FROM sales")),
        ("an unknown table", view("SELECT * FROM secrets")),
        ("an unknown function", view("SELECT shell(customer) FROM sales")),
        ("two statements", view("SELECT 1; SELECT 2")),
        ("DROP", view("DROP TABLE sales")),
        ("CREATE", view("CREATE TABLE x AS SELECT 1")),
        ("INSERT", view("INSERT INTO sales SELECT * FROM sales")),
        ("COPY", view("COPY sales TO '/tmp/x.csv'")),
        ("SET", view("SET datafusion.execution.batch_size = 1")),
        ("SELECT INTO", view("SELECT * INTO x FROM sales")),
        ("EXPLAIN", view("EXPLAIN SELECT * FROM sales")),
        ("a file as a table", view("SELECT * FROM '/etc/passwd'")),
        ("a table function", view("SELECT * FROM generate_series(1, 1000000000)")),
        ("now", view("SELECT now() AS ordered_at FROM sales")),
        ("current_date", view("SELECT current_date AS ordered_at FROM sales")),
        ("random", view("SELECT random() AS amount FROM sales")),
        ("uuid in a subquery", view("SELECT * FROM sales WHERE customer IN (SELECT uuid() FROM sales)")),
        ("repeat", view("SELECT repeat(customer, 1000000000) AS customer_id FROM sales")),
        ("a recursive query", view("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT * FROM t")),
        ("a placeholder", view("SELECT $1 AS customer_id FROM sales")),
        ("1,000 operators", view(&deep)),
        ("1,500 brackets", view(&nested)),
        (
            "a cast that fails on a row",
            view(
                "SELECT CAST(product AS BIGINT) AS customer_id, \"order\" AS order_id, at AS ordered_at, product AS product_id, units AS quantity, amount, market FROM sales",
            ),
        ),
        ("a view named as a file", Source::sales(GOOD).markets(&["NO"]).replace("- name: transactions", "- name: sales")),
        ("views that double", doubling()),
    ]
}

/// Views of which each uses the one before twice.
fn doubling() -> Source {
    let mut yaml = SALES.replace("- name: transactions", "- name: v0");
    for index in 1..12 {
        let _ = writeln!(yaml, "- {{name: v{index}, sql: \"SELECT * FROM v{0} UNION ALL SELECT * FROM v{0}\"}}", index - 1);
    }
    Source::new(&yaml, &["NO"]).file("sales.csv", &format!("{HEADER}{GOOD}"))
}

fn tables() -> Vec<(&'static str, Source)> {
    let select = "SELECT customer AS customer_id, \"order\" AS order_id, at AS ordered_at, product AS product_id, units AS quantity, amount, market FROM sales";
    let attributes = |column: &str| {
        view(select).replace("views:", &format!("attributes: [{{column: {column}, kind: Category, known: AtFirstPurchase}}]\nviews:"))
    };
    vec![
        ("a missing column", view("SELECT customer AS customer_id FROM sales")),
        ("a column of another type", view(&select.replace("units AS quantity", "product AS quantity"))),
        ("a date that is text", view(&select.replace("at AS ordered_at", "customer AS ordered_at"))),
        ("no market among several", view(&select.replace(", market", "")).markets(&["NO", "SE"])),
        ("neither transactions nor events", norway(GOOD).replace("- name: transactions", "- name: something")),
        ("an attribute that nobody yields", attributes("skin_type")),
        ("no rows at all", view(&format!("{select} WHERE customer = 'nobody'"))),
        ("rows of another market only", norway("a,1,2024-01-05 10:00,cream,1,100,DK,sale\n")),
        ("nothing before the cut", norway(GOOD).cut("2020-01-01")),
        ("a market that is not the source's", norway(GOOD).markets(&["DK"])),
        ("an unknown time zone", norway(GOOD).replace("Europe/Oslo", "Europe/Atlantis")),
        ("no file matches", norway(GOOD).replace("path: sales*.csv", "path: orders*.csv")),
        ("a malformed pattern", norway(GOOD).replace("path: sales*.csv", "path: \"sales[.csv\"")),
        ("a path for one market of two", Source::sales(GOOD).replace("currency: NOK", "currency: NOK, path: no/")),
    ]
}

#[test]
fn every_bad_input_is_refused_with_its_place_cause_and_next_step() {
    let mut told = String::new();
    for (name, source) in cases() {
        let outcome = match source.prepare() {
            Err(error) => {
                let message = error.to_string();
                assert!(message.len() < 2_000, "{name}: {} bytes", message.len());
                message.lines().next().unwrap_or_default().to_owned()
            }
            Ok(done) => {
                let quarantined: u64 = done.prepared.quality().files.iter().map(|file| file.quarantined).sum();
                format!("accepted: {} journeys, {quarantined} rows quarantined", done.all().len())
            }
        };
        let _ = writeln!(told, "{name}\n    {outcome}");
    }
    insta::with_settings!({snapshot_path => "hostile", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("messages", told);
    });
}

#[test]
fn the_quarantine_says_where_and_why_and_never_what() {
    let done = norway(&format!("{}secret-id,9,2024-01-06 10:00,cream,1,secret-amount,NO,sale\n", GOOD.repeat(120))).prepare().unwrap();
    assert_eq!(
        done.quarantine,
        "{\"file\":\"sales.csv\",\"row\":122,\"column\":\"amount\",\"class\":\"text\",\"reason\":\"not a decimal number\"}\n"
    );
}

#[test]
fn a_damaged_prepared_set_is_an_error_and_never_a_panic() {
    let done = norway(&GOOD.repeat(3)).prepare().unwrap();
    let path = done.folder.path().join("journeys.parquet");
    let sound = std::fs::read(&path).unwrap();
    let read = || -> reprise_data::Result<usize> {
        let prepared = reprise_data::Prepared::open(done.folder.path())?;
        prepared.journeys(0..64)?.try_fold(0, |count, journey| journey.map(|_| count + 1))
    };
    assert_eq!(read().unwrap(), 1);
    // One damaged byte anywhere: an error, or, where the byte carries nothing, the same journeys.
    for at in (0..sound.len()).step_by(7) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, &damaged).unwrap();
        let _ = read();
    }
    for length in (0..sound.len()).step_by(97) {
        std::fs::write(&path, &sound[..length]).unwrap();
        assert!(read().is_err(), "{length} bytes");
    }
    std::fs::write(&path, &sound).unwrap();
    std::fs::write(done.folder.path().join("catalogue.json"), "{}").unwrap();
    assert!(read().is_err());
}
