//! What the columns of a file seem to mean, from their names in several languages and from what they hold.

use reprise_crds::source::ColumnType;

use super::types::Column;

/// What a column can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    FirstPurchase,
    WelcomeEnd,
    Launched,
    Discontinued,
    From,
    To,
    Time,
    OriginalOrder,
    Routine,
    RoutineStep,
    Replenishment,
    Kind,
    Channel,
    Market,
    Currency,
    Visitor,
    Session,
    Event,
    Customer,
    Adviser,
    Store,
    Order,
    Group,
    Product,
    Quantity,
    Amount,
    Price,
    Rate,
    Gift,
    Consent,
    Objection,
    Excluded,
    Language,
    Recommendable,
    Available,
    Name,
    Category,
    Family,
    Line,
    Brand,
    Axis,
    Plan,
}

/// What a column must hold to have a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Moment,
    Number,
    /// Anything by which one thing is told from another: no moment, no fraction.
    Id,
    /// One of at most so many words.
    Code(usize),
    Flag,
    Any,
}

use Role as R;

/// Roles in the order in which they choose. A pattern is words that a name must have, all of them; `*` ends a
/// beginning; patterns of one role are tried in order.
const ROLES: [(Role, Holds, &[&str]); 42] = [
    (R::FirstPurchase, Holds::Moment, &["first purchase*", "first order*", "premier achat", "erst* kauf*", "forste kjop"]),
    (R::WelcomeEnd, Holds::Moment, &["welcome*"]),
    (R::Launched, Holds::Moment, &["launch*", "lancement*"]),
    (R::Discontinued, Holds::Moment, &["discontinu*", "delisted"]),
    (R::From, Holds::Moment, &["from", "start*", "debut", "von", "fra"]),
    (R::To, Holds::Moment, &["to", "until", "end", "fin", "bis", "til"]),
    (R::Time, Holds::Moment, &["*"]),
    (R::OriginalOrder, Holds::Id, &["original*", "ticket origine", "origine", "opprinnelig*", "ursprung*"]),
    (R::RoutineStep, Holds::Number, &["routine step", "step", "etape"]),
    (R::Routine, Holds::Id, &["routine*", "regimen"]),
    (R::Replenishment, Holds::Number, &["replenish*"]),
    (R::Kind, Holds::Code(40), &["kind", "nature", "event type", "eventtype", "type", "genre", "event", "action", "art"]),
    (R::Channel, Holds::Code(40), &["channel", "canal", "kanal", "medium"]),
    (R::Market, Holds::Code(200), &["market", "country*", "pays", "land", "geography", "marche"]),
    (R::Currency, Holds::Code(200), &["currency", "devise", "valuta", "wahrung", "waehrung"]),
    (R::Visitor, Holds::Id, &["visitor*", "visiteur*", "besoker*", "besucher*", "cookie*", "device*", "anonymous*"]),
    (R::Session, Holds::Id, &["session*", "okt*", "sitzung*", "visit id"]),
    (R::Event, Holds::Id, &["event id", "eventid", "evenement", "hendelse*", "ereignis*"]),
    (
        R::Customer,
        Holds::Id,
        &["customer*", "client*", "kunde*", "klant*", "cliente*", "buyer*", "shopper*", "household*", "user*", "member*", "cust*"],
    ),
    (R::Adviser, Holds::Id, &["advis*", "conseil*", "radgiv*", "berater*"]),
    (R::Store, Holds::Id, &["store*", "shop*", "boutique*", "butikk*", "filiale*", "magasin*"]),
    (
        R::Order,
        Holds::Id,
        &[
            "order*",
            "invoice*",
            "ticket*",
            "basket*",
            "transaction*",
            "receipt*",
            "ordre*",
            "commande*",
            "facture*",
            "rechnung*",
            "bestell*",
            "bon",
            "pedido*",
        ],
    ),
    (R::Group, Holds::Id, &["group*", "parent*"]),
    (
        R::Product,
        Holds::Id,
        &[
            "product*",
            "item*",
            "article*",
            "sku",
            "stock code",
            "stockcode",
            "vare*",
            "artikel*",
            "produit*",
            "producto*",
            "ean",
            "material*",
        ],
    ),
    (R::Quantity, Holds::Number, &["quantity", "qty", "quantit*", "units", "antall", "menge", "anzahl", "cantidad", "pieces"]),
    (
        R::Amount,
        Holds::Number,
        &[
            "amount*",
            "montant*",
            "belop",
            "betrag",
            "umsatz",
            "revenue",
            "turnover",
            "total*",
            "importe",
            "line total",
            "sales value",
            "value",
        ],
    ),
    (R::Price, Holds::Number, &["price", "unit price", "unitprice", "prix", "pris", "preis", "precio"]),
    (R::Rate, Holds::Number, &["rate", "taux", "kurs"]),
    (R::Gift, Holds::Flag, &["gift", "is gift", "cadeau", "gave", "geschenk"]),
    (R::Consent, Holds::Any, &["consent*", "samtykke", "einwilligung*", "optin", "opt in"]),
    (R::Objection, Holds::Flag, &["objection", "profiling*", "opposition", "reservasjon", "widerspruch"]),
    (R::Excluded, Holds::Any, &["exclu*", "unntak"]),
    (R::Language, Holds::Code(60), &["language", "lang", "langue", "sprak", "sprache", "locale"]),
    (R::Recommendable, Holds::Flag, &["recommend*"]),
    (R::Available, Holds::Flag, &["available", "in stock", "disponible"]),
    (R::Name, Holds::Any, &["name", "description", "title", "nom", "libelle", "navn", "bezeichnung", "label"]),
    (R::Category, Holds::Any, &["category", "category id", "categorie", "kategori*", "department"]),
    (R::Family, Holds::Any, &["family", "famille", "familie"]),
    (R::Line, Holds::Any, &["line", "gamme", "serie"]),
    (R::Brand, Holds::Any, &["brand", "marque", "merke", "marke"]),
    (R::Axis, Holds::Any, &["axis", "axe"]),
    (R::Plan, Holds::Id, &["plan id", "campaign*", "campagne*", "kampanje*", "kampagne*"]),
];

/// Words by which a file says that its lines are of one customer's doing, in small letters.
const EVENT_WORDS: [&str; 14] = [
    "sent",
    "open",
    "click",
    "visit",
    "view",
    "cart",
    "wishlist",
    "search",
    "addtocart",
    "add_to_cart",
    "pageview",
    "page_view",
    "remove_from_cart",
    "email_open",
];

/// A column that means something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) role: Role,
    /// Place of the column in its file.
    pub(super) column: usize,
}

/// The roles of a file's columns; each column has at most one, and each role at most one column.
pub(super) fn meanings(columns: &[Column]) -> Vec<Meaning> {
    let names: Vec<Vec<String>> = columns.iter().map(|column| words(&column.name)).collect();
    let mut taken = vec![false; columns.len()];
    let mut found = Vec::new();
    for (role, holds, patterns) in ROLES {
        let fits = |place: usize, pattern: &str| matches(&names[place], pattern) && does_hold(&columns[place], holds);
        let chosen = patterns.iter().find_map(|pattern| (0..columns.len()).find(|&place| !taken[place] && fits(place, pattern)));
        if let Some(column) = chosen {
            taken[column] = true;
            found.push(Meaning { role, column });
        }
    }
    // A start without an end is a time like any other.
    let has = |role: Role| found.iter().any(|meaning| meaning.role == role);
    if !has(R::To) && !has(R::Time) {
        found.iter_mut().filter(|meaning| meaning.role == R::From).for_each(|meaning| meaning.role = R::Time);
    }
    found
}

fn does_hold(column: &Column, holds: Holds) -> bool {
    let guess = column.guess();
    let is_time = guess.is_moment() || column.counts_seconds() || column.counts_milliseconds();
    match holds {
        Holds::Moment => is_time,
        Holds::Number => guess.is_number(),
        Holds::Id => !guess.is_moment() && matches!(guess.kind, ColumnType::Text | ColumnType::Integer),
        Holds::Code(most) => column.has_few_words(most) && !is_time,
        Holds::Flag => column.has_few_words(3),
        Holds::Any => !is_time,
    }
}

/// Whether the words of a name have those of a pattern, all of them.
fn matches(name: &[String], pattern: &str) -> bool {
    pattern.split(' ').all(|wanted| {
        name.iter().any(|word| match wanted.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => word == wanted,
        })
    })
}

/// The words of a name in small letters without accents: `InvoiceDate` is `invoice date`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && after_small) {
            words.push(String::new());
        }
        after_small = character.is_lowercase();
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase().map(plain));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn plain(letter: char) -> char {
    match letter {
        'à' | 'á' | 'â' | 'ä' | 'å' | 'ã' => 'a',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ò' | 'ó' | 'ô' | 'ö' | 'ø' | 'õ' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        other => other,
    }
}

/// The canonical table that a file seems to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Transactions,
    Events,
    Contacts,
    Customers,
    Products,
    Calendar,
    Rates,
}

/// The table of these columns; none where they are not enough for any.
pub(super) fn table_of(columns: &[Column], meanings: &[Meaning]) -> Option<Kind> {
    let of = |role: Role| meanings.iter().find(|meaning| meaning.role == role).map(|meaning| &columns[meaning.column]);
    let has = |role: Role| of(role).is_some();
    let someone = has(R::Customer) || has(R::Visitor) || has(R::Session);
    let events = of(R::Kind).is_some_and(|column| column.words.keys().any(|word| EVENT_WORDS.contains(&word.to_lowercase().as_str())));
    Some(if has(R::Rate) && has(R::Currency) && has(R::Time) {
        Kind::Rates
    } else if has(R::From) && has(R::To) && has(R::Name) && !someone && !has(R::Product) {
        Kind::Calendar
    } else if has(R::Time) && someone && events {
        Kind::Events
    } else if has(R::Time) && has(R::Customer) && has(R::Product) && (has(R::Amount) || has(R::Price) || has(R::Quantity)) {
        Kind::Transactions
    } else if has(R::Time) && someone && (has(R::Product) || has(R::Kind)) {
        Kind::Events
    } else if has(R::Time) && has(R::Customer) && columns.len() <= 6 {
        Kind::Contacts
    } else if has(R::Product) && !someone {
        Kind::Products
    } else if has(R::Customer) && !has(R::Product) && !has(R::Order) {
        Kind::Customers
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(csv: &[&str]) -> (Vec<String>, Option<Kind>) {
        let mut rows = csv.iter().map(|row| row.split(',').collect::<Vec<_>>());
        let mut columns: Vec<Column> = rows.next().unwrap().into_iter().map(|name| Column::new(name).unwrap()).collect();
        rows.for_each(|row| columns.iter_mut().zip(row).for_each(|(column, cell)| column.see(cell.as_bytes())));
        let meanings = meanings(&columns);
        let told = meanings.iter().map(|meaning| format!("{:?}={}", meaning.role, columns[meaning.column].name)).collect();
        (told, table_of(&columns, &meanings))
    }

    #[test]
    fn names_of_several_languages_and_styles_mean_the_same() {
        let (told, table) = look(&[
            "InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
            "536365,85123A,6,2010-12-01 08:26:00,2.55,17850,France",
        ]);
        assert_eq!(table, Some(Kind::Transactions));
        assert_eq!(
            told,
            [
                "Time=InvoiceDate",
                "Market=Country",
                "Customer=CustomerID",
                "Order=InvoiceNo",
                "Product=StockCode",
                "Quantity=Quantity",
                "Price=UnitPrice"
            ]
        );
        let (told, table) =
            look(&["kunde_id,ordre_id,tidspunkt,vare_id,antall,beløp,type", "k1,o1,2024-03-01T10:00:00+01:00,v1,2,99.50,S"]);
        assert_eq!(table, Some(Kind::Transactions));
        assert_eq!(
            told,
            ["Time=tidspunkt", "Kind=type", "Customer=kunde_id", "Order=ordre_id", "Product=vare_id", "Quantity=antall", "Amount=beløp"]
        );
    }

    #[test]
    fn tables_are_told_by_what_they_have() {
        assert_eq!(look(&["timestamp,visitorid,event,itemid", "1433221332117,257597,view,355908"]).1, Some(Kind::Events));
        assert_eq!(look(&["event_time,event_type,product_id,price,user_id", "2019-11-18 06:33:24 UTC,cart,5,2.1,7"]).1, Some(Kind::Events));
        assert_eq!(look(&["currency,day,rate", "NOK,2024-01-01,0.09"]).1, Some(Kind::Rates));
        assert_eq!(look(&["market,name,from,to", "NO,sale,2024-01-01,2024-01-09"]).1, Some(Kind::Calendar));
        assert_eq!(look(&["product_id,name,price", "p1,Cream,9.5"]).1, Some(Kind::Products));
        assert_eq!(look(&["client,premier_achat,langue", "c1,31/12/2023,fr"]).1, Some(Kind::Customers));
        assert_eq!(look(&["client,date_heure", "c1,31/12/2023 10:00"]).1, Some(Kind::Contacts));
        assert_eq!(look(&["a,b", "x,y"]).1, None);
    }
}
