//! Proposals for files that nobody described: they are documents as they stand, and their sources can be prepared.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use reprise_crds::document::{self, Object};
use reprise_crds::source::DataSourceSpec;
use reprise_data::{InputFile, Inputs, Prepared, find_files, prepare_everything, propose, read};
use tempfile::TempDir;

/// The files of an export in a folder of its own.
struct Export {
    folder: TempDir,
    files: Vec<PathBuf>,
}

impl Export {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), files: Vec::new() }
    }

    fn file(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        self.files.push(path);
        self
    }

    /// The proposal, and the prepared set of its source, without any correction.
    fn proposed(&self) -> (String, Prepared, TempDir) {
        let yaml = propose(&self.files).unwrap();
        let (prepared, folder) = prepared(&yaml, self.folder.path());
        (yaml, prepared, folder)
    }
}

fn source(yaml: &str) -> DataSourceSpec {
    match document::parse(yaml, "proposal.yaml").unwrap_or_else(|refusals| panic!("{refusals:?}\n{yaml}")).pop() {
        Some(Object::DataSource(source)) => source.spec,
        other => panic!("{other:?}"),
    }
}

fn prepared(yaml: &str, root: &Path) -> (Prepared, TempDir) {
    let source = source(yaml);
    let markets: Vec<String> = source.markets.iter().map(|market| market.name.clone()).collect();
    let listed: Vec<String> = below(root, root);
    let found = find_files(&source, &markets, &listed).unwrap();
    let files = found.into_iter().map(|found| InputFile { path: root.join(&found.name), found }).collect();
    let (scratch, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let tables =
        read(&Inputs { markets, files, memory: 256 << 20 }, &source, scratch.path()).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    let prepared = prepare_everything(&tables, folder.path()).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    (prepared, folder)
}

fn below(folder: &Path, root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            names.extend(below(&path, root));
        } else {
            names.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort();
    names
}

fn date(day: u32) -> jiff::civil::Date {
    jiff::civil::date(2024, 1, 1).checked_add(jiff::Span::new().days(i64::from(day))).unwrap()
}

/// Lines of sales, written by `line` from a customer, an order, a day and a product.
fn sales(header: &str, line: impl Fn(u32, u32, jiff::civil::Date, u32) -> String) -> String {
    let mut text = format!("{header}\n");
    for number in 0..240 {
        writeln!(text, "{}", line(number % 90, number, date(number), number % 17)).unwrap();
    }
    text
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn three_dialects_in_three_folders_become_one_brand() {
    let fr = |customer, order, day: jiff::civil::Date, product| {
        let (kind, price) = if order % 20 == 3 { ("RETOUR", "-12,50") } else { ("VENTE", "12,50") };
        let units = if kind == "RETOUR" { -1 } else { 1 };
        format!("FR{customer};T{order};{:02}/{:02}/{} 18:05;P{product};{units};{price};{kind}", day.day(), day.month(), day.year())
    };
    let no = |customer, order, day: jiff::civil::Date, product| format!("NO{customer},O{order},{day}T12:00:00+02:00,P{product},2,399.00,S");
    let export = Export::new()
        .file("fr/ventes-2023.csv", sales("client;ticket;date_vente;article;quantite;montant_ttc;nature", fr))
        .file("fr/ventes-2024.csv", sales("client;ticket;date_vente;article;quantite;montant_ttc;nature", fr))
        .file("no/salg-2024.csv.gz", gzip(&sales("kunde_id,ordre_id,tidspunkt,vare_id,antall,belop,type", no)))
        .file("no/hendelser.csv", "hendelse_id,tidspunkt,type,kunde_id,besoker_id,vare_id\nh1,2024-03-01T09:00:00+01:00,view,,b1,P3\nh2,2024-03-01T09:05:00+01:00,addtocart,NO5,b1,P3\n")
        .file("products.csv", "product_id,name,category,recommendable\nP1,Cream,Face,true\nP2,Bag,Extra,false\n");
    let (yaml, prepared, _folder) = export.proposed();
    let name = yaml.lines().find_map(|line| line.strip_prefix("metadata: {name: ")).unwrap().trim_end_matches('}');
    let folder = export.folder.path().canonicalize().unwrap();
    insta::assert_snapshot!(yaml.replace(&*folder.to_string_lossy(), "/FOLDER").replace(name, "NAME"));
    let markets = &prepared.quality().markets;
    assert_eq!(markets.iter().map(|market| market.name.as_str()).collect::<Vec<_>>(), ["FR", "NO"]);
    assert!(markets.iter().all(|market| market.customers == 90 && market.orders > 200), "{markets:?}");
    let counts = |table: &str| prepared.quality().tables.iter().find(|counts| counts.name == table).unwrap().clone();
    assert_eq!((counts("events").rows_out, counts("products").rows_out), (2, 2));
    assert!(!counts("transactions").filtered.contains_key("an unknown kind"));
}

#[test]
fn a_table_with_a_column_of_countries_becomes_its_markets() {
    let line = |customer, order, day, product| {
        let country = ["United Kingdom", "Norway", "Atlantis"][order as usize % 3];
        format!("{order},S{product},A thing,{},{day} 10:20:00,1.25,{customer},{country}", if order % 30 == 7 { -1 } else { 3 })
    };
    let text = sales("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country", line);
    // Nobody of Lemuria is known: it is no market.
    let text = format!("{text}9999,S1,A thing,1,2024-05-05 10:20:00,1.25,,Lemuria\n");
    let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let (yaml, prepared, _folder) = Export::new().file("retail 2024.csv.zst", packed).proposed();
    let names: Vec<&str> = prepared.quality().markets.iter().map(|market| market.name.as_str()).collect();
    assert_eq!(names, ["ATLANTIS", "GB", "NO"], "{yaml}");
    assert!(yaml.contains("Quantity * UnitPrice AS amount") && yaml.contains("max(Description) AS name"), "{yaml}");
    assert!(yaml.contains("# LOOK: the market's name, time zone and currency\n  - {name: ATLANTIS"), "{yaml}");
    assert_eq!(prepared.quality().files[0].quarantined, 0);
}

#[test]
fn json_lines_parquet_and_epochs_are_read() {
    let mut events = String::new();
    for number in 0..60 {
        let millis = 1_704_100_000_000_u64 + number * 86_400_000;
        writeln!(
            events,
            r#"{{"timestamp": {millis}, "visitorid": {}, "event": "view", "itemid": {}, "more": {{"a": 1}}}}"#,
            number % 7,
            number % 5
        )
        .unwrap();
    }
    let rows = 0..60_i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer_id", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row % 9)))),
        ("order_id", Arc::new(StringArray::from_iter_values(rows.clone().map(|row| format!("o{row}"))))),
        (
            "created_at",
            Arc::new(TimestampMicrosecondArray::from_iter_values(rows.clone().map(|row| 1_704_100_000_000_000 + row * 86_400_000_000))),
        ),
        ("item_id", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row % 5)))),
        ("total", Arc::new(Float64Array::from_iter_values(rows.map(|row| 1.5 + row as f64)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (yaml, prepared, _folder) = Export::new().file("clicks.jsonl", events).file("orders.parquet", bytes).proposed();
    let market = &prepared.quality().markets[0];
    assert_eq!((market.customers, market.orders, market.visitors), (9, 60, 7), "{yaml}");
    assert!(yaml.contains("# LOOK: your market"), "{yaml}");
}

#[test]
fn lines_of_words_become_customers_or_sessions() {
    let users: Vec<String> = (0..30).map(|user| format!("u{user} a{} b{} c", user % 4, user % 3)).collect();
    let (yaml, prepared, _folder) = Export::new().file("users.txt", users.join("\n")).proposed();
    assert_eq!((prepared.quality().markets[0].customers, prepared.quality().markets[0].orders), (30, 90), "{yaml}");
    let sessions: Vec<String> = (0..30).map(|session| format!("a{} b{} c", session % 4, session % 3)).collect();
    let (yaml, prepared, _folder) = Export::new().file("sessions.txt", sessions.join("\n")).proposed();
    assert_eq!(prepared.quality().markets[0].visitors, 30, "{yaml}");
}

#[test]
fn what_cannot_be_read_is_refused_and_what_is_not_known_is_said() {
    let missing = propose(&[PathBuf::from("/no/such.csv")]).unwrap_err().to_string();
    assert_eq!(missing, "/no/such.csv: there is no such file; name the files of an export, not its folder");
    let export = Export::new().file("a.csv", "");
    assert!(propose(&export.files).unwrap_err().to_string().starts_with("a.csv: the file is empty"));
    let latin = [b"customer_id,order_id,date,product_id,amount\n".as_slice(), b"c1,o1,2024-01-01,cr\xE8me,5.00\n"].concat();
    let export = Export::new().file("sales.csv", latin).file("strange.csv", "x,y\n1,2\n3,4\n");
    let yaml = propose(&export.files).unwrap();
    source(&yaml);
    assert!(yaml.contains("# LOOK: sales.csv is not UTF-8"), "{yaml}");
    assert!(yaml.contains("# LOOK: no canonical table was recognised"), "{yaml}");
}

#[test]
fn a_public_export_is_proposed_well() {
    const FILE: &str = "online_retail_II_until_2011-05.csv.zst";
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !shared.join(FILE).exists() {
        return reprise_doubles::skip("a_public_export_is_proposed_well", "the shared data set is absent");
    }
    let yaml = propose(&[shared.join(FILE)]).unwrap();
    let (prepared, _folder) = prepared(&yaml, &shared);
    let quality = prepared.quality();
    assert_eq!((quality.files[0].rows_in, quality.files[0].quarantined, quality.markets.len()), (734_490, 0, 41));
    // 4,933 known customers bought something; few of them brought everything back, so that they never bought.
    let customers: u64 = quality.markets.iter().map(|market| market.customers).sum();
    assert!((4_900..4_933).contains(&customers), "{customers} customers\n{yaml}");
}
