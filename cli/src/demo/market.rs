//! The three markets: who buys there, in which money, and in which dialect of CSV their systems export.

/// A market of the demo brand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Country {
    France,
    Norway,
    Belgium,
}

/// How a market's systems write a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// `31/12/2024 18:05`, local time.
    DayFirst,
    /// `2024-12-31T18:05:00+01:00`.
    Offset,
    /// `2024-12-31 18:05:00`, local time.
    Plain,
}

/// How a market's systems write their files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) decimal_comma: bool,
    pub(super) moment: Moment,
    /// File names without year and ending: sales, events, customers.
    pub(super) files: [&'static str; 3],
    pub(super) sales: [&'static str; 12],
    pub(super) events: [&'static str; 8],
    pub(super) customers: [&'static str; 10],
    /// Codes of: sale, return, sample, gift with purchase, service.
    pub(super) kinds: [&'static str; 5],
    /// Codes of false and true.
    pub(super) flags: [&'static str; 2],
}

/// One market.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) country: Country,
    pub(super) code: &'static str,
    pub(super) folder: &'static str,
    pub(super) language: &'static str,
    pub(super) time_zone: &'static str,
    /// Hundredths of the market's currency for one hundredth of a euro, and what a price is rounded to.
    pub(super) rate: f64,
    pub(super) round_to: i64,
    /// Shift of the log hazard against the first market.
    pub(super) level: f64,
    pub(super) dialect: Dialect,
}

/// The markets, the small one last.
pub(super) const MARKETS: [Market; 3] = [
    Market {
        country: Country::France,
        code: "FR",
        folder: "fr",
        language: "fr",
        time_zone: "Europe/Paris",
        rate: 1.0,
        round_to: 10,
        level: 0.0,
        dialect: Dialect {
            delimiter: b';',
            decimal_comma: true,
            moment: Moment::DayFirst,
            files: ["ventes", "evenements", "clients"],
            sales: [
                "client",
                "ticket",
                "date_vente",
                "article",
                "quantite",
                "montant_ttc",
                "nature",
                "ticket_origine",
                "canal",
                "boutique",
                "remise",
                "cadeau",
            ],
            events: ["evenement", "date_heure", "genre", "client", "visiteur", "article", "session", "campagne"],
            customers: [
                "client",
                "premier_achat",
                "consentement",
                "opposition",
                "exclusion",
                "boutique",
                "langue",
                "type_peau",
                "annee_naissance",
                "conseiller",
            ],
            kinds: ["VENTE", "RETOUR", "ECHANTILLON", "CADEAU", "SERVICE"],
            flags: ["non", "oui"],
        },
    },
    Market {
        country: Country::Norway,
        code: "NO",
        folder: "no",
        language: "nb",
        time_zone: "Europe/Oslo",
        rate: 11.6,
        round_to: 100,
        level: -0.15,
        dialect: Dialect {
            delimiter: b',',
            decimal_comma: false,
            moment: Moment::Offset,
            files: ["salg", "hendelser", "kunder"],
            sales: [
                "kunde_id",
                "ordre_id",
                "tidspunkt",
                "vare_id",
                "antall",
                "belop",
                "type",
                "opprinnelig_ordre",
                "kanal",
                "butikk",
                "rabatt",
                "gave",
            ],
            events: ["hendelse_id", "tidspunkt", "type", "kunde_id", "besoker_id", "vare_id", "okt_id", "kampanje"],
            customers: [
                "kunde_id",
                "forste_kjop",
                "samtykke",
                "reservasjon",
                "unntak",
                "butikk",
                "sprak",
                "hudtype",
                "fodselsar",
                "radgiver",
            ],
            kinds: ["S", "R", "P", "G", "T"],
            flags: ["0", "1"],
        },
    },
    Market {
        country: Country::Belgium,
        code: "BE",
        folder: "be",
        language: "nl",
        time_zone: "Europe/Brussels",
        rate: 1.0,
        round_to: 10,
        level: 0.1,
        dialect: Dialect {
            delimiter: b'|',
            decimal_comma: false,
            moment: Moment::Plain,
            files: ["sales", "events", "customers"],
            sales: [
                "customer_id",
                "order_id",
                "ordered_at",
                "product_id",
                "quantity",
                "amount",
                "kind",
                "original_order_id",
                "channel",
                "store_id",
                "discount",
                "is_gift",
            ],
            events: ["event_id", "at", "type", "customer_id", "visitor_id", "product_id", "session_id", "campaign_id"],
            customers: [
                "customer_id",
                "first_purchased_at",
                "consent",
                "profiling_objection",
                "excluded",
                "store_id",
                "language",
                "skin_type",
                "birth_year",
                "adviser_id",
            ],
            kinds: ["sale", "return", "sample", "gift_with_purchase", "service"],
            flags: ["false", "true"],
        },
    },
];

/// Customers of the small market, whatever is asked for.
pub(super) const SMALL: u64 = 40;
