//! Countries by code and name, with the time zone and currency that most of their customers live in.

/// One country.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// ISO 3166 code.
    pub(super) code: &'static str,
    /// Names under which exports know it, in small letters.
    names: &'static [&'static str],
    /// IANA time zone.
    pub(super) zone: &'static str,
    /// ISO 4217 code.
    pub(super) currency: &'static str,
}

const fn place(code: &'static str, zone: &'static str, currency: &'static str, names: &'static [&'static str]) -> Place {
    Place { code, names, zone, currency }
}

const PLACES: [Place; 49] = [
    place("AE", "Asia/Dubai", "AED", &["united arab emirates"]),
    place("AR", "America/Argentina/Buenos_Aires", "ARS", &["argentina"]),
    place("AT", "Europe/Vienna", "EUR", &["austria", "österreich"]),
    place("AU", "Australia/Sydney", "AUD", &["australia"]),
    place("BE", "Europe/Brussels", "EUR", &["belgium", "belgique", "belgië"]),
    place("BG", "Europe/Sofia", "EUR", &["bulgaria"]),
    place("BH", "Asia/Bahrain", "BHD", &["bahrain"]),
    place("BR", "America/Sao_Paulo", "BRL", &["brazil", "brasil"]),
    place("CA", "America/Toronto", "CAD", &["canada"]),
    place("CH", "Europe/Zurich", "CHF", &["switzerland", "schweiz", "suisse"]),
    place("CN", "Asia/Shanghai", "CNY", &["china"]),
    place("CY", "Asia/Nicosia", "EUR", &["cyprus"]),
    place("CZ", "Europe/Prague", "CZK", &["czech republic", "czechia"]),
    place("DE", "Europe/Berlin", "EUR", &["germany", "deutschland"]),
    place("DK", "Europe/Copenhagen", "DKK", &["denmark", "danmark"]),
    place("EE", "Europe/Tallinn", "EUR", &["estonia"]),
    place("ES", "Europe/Madrid", "EUR", &["spain", "españa"]),
    place("FI", "Europe/Helsinki", "EUR", &["finland", "suomi"]),
    place("FR", "Europe/Paris", "EUR", &["france"]),
    place("GB", "Europe/London", "GBP", &["united kingdom", "uk", "great britain"]),
    place("GR", "Europe/Athens", "EUR", &["greece"]),
    place("HK", "Asia/Hong_Kong", "HKD", &["hong kong"]),
    place("HU", "Europe/Budapest", "HUF", &["hungary"]),
    place("IE", "Europe/Dublin", "EUR", &["ireland", "eire"]),
    place("IL", "Asia/Jerusalem", "ILS", &["israel"]),
    place("IN", "Asia/Kolkata", "INR", &["india"]),
    place("IS", "Atlantic/Reykjavik", "ISK", &["iceland"]),
    place("IT", "Europe/Rome", "EUR", &["italy", "italia"]),
    place("JP", "Asia/Tokyo", "JPY", &["japan"]),
    place("KR", "Asia/Seoul", "KRW", &["korea", "south korea"]),
    place("LB", "Asia/Beirut", "LBP", &["lebanon"]),
    place("LT", "Europe/Vilnius", "EUR", &["lithuania"]),
    place("LU", "Europe/Luxembourg", "EUR", &["luxembourg"]),
    place("LV", "Europe/Riga", "EUR", &["latvia"]),
    place("MT", "Europe/Malta", "EUR", &["malta"]),
    place("MX", "America/Mexico_City", "MXN", &["mexico", "méxico"]),
    place("NG", "Africa/Lagos", "NGN", &["nigeria"]),
    place("NL", "Europe/Amsterdam", "EUR", &["netherlands", "nederland"]),
    place("NO", "Europe/Oslo", "NOK", &["norway", "norge"]),
    place("NZ", "Pacific/Auckland", "NZD", &["new zealand"]),
    place("PL", "Europe/Warsaw", "PLN", &["poland", "polska"]),
    place("PT", "Europe/Lisbon", "EUR", &["portugal"]),
    place("RO", "Europe/Bucharest", "RON", &["romania"]),
    place("SA", "Asia/Riyadh", "SAR", &["saudi arabia"]),
    place("SE", "Europe/Stockholm", "SEK", &["sweden", "sverige"]),
    place("SG", "Asia/Singapore", "SGD", &["singapore"]),
    place("TH", "Asia/Bangkok", "THB", &["thailand"]),
    place("US", "America/New_York", "USD", &["usa", "united states", "us"]),
    place("ZA", "Africa/Johannesburg", "ZAR", &["south africa", "rsa"]),
];

/// The country of a code or a name, in any case.
pub(super) fn find(text: &str) -> Option<&'static Place> {
    let text = text.trim().to_lowercase();
    PLACES.iter().find(|place| place.code.to_lowercase() == text || place.names.contains(&text.as_str()))
}

/// A market's name for what an export calls it: the country's code, else its letters and digits.
pub(super) fn market_name(text: &str) -> String {
    if let Some(place) = find(text) {
        return place.code.to_owned();
    }
    let mut name: String = text.to_ascii_uppercase().chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
        name.insert(0, 'M');
        name.truncate(8);
    }
    if name.len() < 2 { format!("{name}X") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markets_have_names_that_a_source_may_have() {
        let named = ["Norway", "no", "UK", "Channel Islands", "7 seas", "Ø", "European Community"].map(market_name);
        assert_eq!(named, ["NO", "NO", "GB", "CHANNELI", "M7SEAS", "MX", "EUROPEAN"]);
        assert!(PLACES.iter().all(|place| jiff::tz::TimeZoneDatabase::bundled().get(place.zone).is_ok()));
    }
}
