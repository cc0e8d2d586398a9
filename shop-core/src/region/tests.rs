//! The table and what is found in it.

use std::collections::BTreeSet;

use super::table::{DATA, all_keys};
use super::*;

fn narrow(country: &str, text: &str) -> Option<&'static str> {
    find(country, text, Breadth::Narrow).ok()
}

fn countries() -> impl Iterator<Item = &'static str> {
    DATA.lines().filter_map(|line| line.strip_prefix('='))
}

#[test]
fn the_table_is_whole() {
    let countries: Vec<_> = countries().collect();
    assert_eq!(countries.len(), 252, "ISO 3166-1 has 249, and there are AC, TA and XK");
    assert!(countries.is_sorted());
    let current: usize = countries.iter().map(|country| rows(country).filter(|row| !row.is_withdrawn()).count()).sum();
    assert!(current >= 5_046, "{current}");
    for line in DATA.lines().skip_while(|line| line.starts_with('#')).filter(|line| !line.starts_with('=')) {
        let columns: Vec<_> = line.split('\t').collect();
        assert!((2..=4).contains(&columns.len()) || columns.len() == 1, "{line:?}");
        assert!(
            columns.iter().all(|column| column.trim() == *column && !column.chars().any(char::is_control)),
            "{line:?}"
        );
    }
}

/// Each code, each other code and each name of each row finds its row, in any case, with the country's code or without.
#[test]
fn everything_in_the_table_is_found() {
    for country in countries() {
        let mut codes = BTreeSet::new();
        for row in rows(country) {
            assert!(codes.insert(row.code), "{country}-{} is there twice", row.code);
            let others: Vec<_> = table::other_codes(country, row.code).collect();
            for code in std::iter::once(row.code).chain(others) {
                // Islands that ISO has no code for are named.
                let full = if code.len() > 3 { code.to_owned() } else { format!("{country}-{code}").to_lowercase() };
                for text in [code.to_owned(), format!(" {} ", code.to_lowercase()), full] {
                    assert_eq!(narrow(country, &text), Some(row.code), "{country} {text}");
                }
            }
            for key in row.keys() {
                assert_eq!(super::key(key), key, "{country}-{}: {key} is no key as this module makes them", row.code);
            }
            for key in all_keys(&row) {
                let (narrow, wide) = (find(country, &key, Breadth::Narrow), find(country, &key, Breadth::Wide));
                let same: Vec<_> = rows(country).filter(|other| other.is_named(&key)).map(|other| other.code).collect();
                if let (Ok(narrow), Ok(wide)) = (narrow, wide) {
                    let line: Vec<_> = line(country, narrow).collect();
                    let is_code = by_code(country, &key).is_some();
                    assert!(is_code || same.iter().all(|code| line.contains(code)), "{country} {key}: {same:?}");
                    assert!(is_code || line.contains(&wide), "{country} {key}: {narrow} is not in {wide}");
                } else {
                    assert!(same.len() > 1, "{country} {key}: {same:?}");
                }
            }
            if let Some(above) = row.parent() {
                let above = table::row(country, above).unwrap_or_else(|| panic!("{country}-{} lies nowhere", row.code));
                assert!(
                    !line(country, above.code).any(|code| code == row.code),
                    "{country}-{} lies in itself",
                    row.code
                );
            }
            if let Some(place) = row.territory() {
                assert!(is_country(place.country), "{country}-{}", row.code);
                let known = place.region.is_none_or(|code| table::row(place.country, code).is_some());
                assert!(known, "{country}-{}", row.code);
            }
        }
    }
}

#[test]
fn a_region_is_found_by_what_people_and_programs_write() {
    for (country, region, texts) in [
        (
            "US",
            "NY",
            vec![
                "NY",
                " ny ",
                "us-ny",
                "US_NY",
                "N.Y.",
                "ＮＹ",
                "New York",
                "new  york",
                "NEW-YORK",
                "New York State",
                "State of New York",
            ],
        ),
        ("US", "DC", vec!["Washington DC", "District of Columbia", "D.C."]),
        ("US", "WA", vec!["Washington", "Washington State"]),
        ("US", "AE", vec!["AE", "Armed Forces Europe", "Armed Forces (AE)"]),
        ("US", "PR", vec!["PR", "US-PR", "Puerto Rico"]),
        ("CA", "QC", vec!["QC", "PQ", "Québec", "quebec", "Province of Quebec"]),
        ("CA", "NL", vec!["NF", "Newfoundland & Labrador", "Terre-Neuve-et-Labrador"]),
        ("MX", "BCN", vec!["BCN", "BC", "B.C.", "Baja California", "Estado de Baja California"]),
        ("MX", "BCS", vec!["BCS", "B.C.S."]),
        ("MX", "CMX", vec!["DF", "DIF", "CDMX", "Ciudad de México", "Mexico City"]),
        ("MX", "ROO", vec!["Q ROO", "Q.R.", "Quintana Roo"]),
        ("MX", "MEX", vec!["Méx.", "Estado de México", "Mexico State"]),
        ("MY", "01", vec!["JHR", "01", "Johor"]),
        ("MY", "14", vec!["KUL", "Kuala Lumpur"]),
        ("IN", "OD", vec!["OD", "OR", "IN-OR", "Odisha", "Orissa", "ओड़िशा"]),
        ("IN", "TS", vec!["TG", "TS", "Telangana"]),
        ("IN", "DH", vec!["DD", "DN", "DH", "Daman and Diu"]),
        ("IN", "GA", vec!["Goa", "गोवा"]),
        ("JP", "13", vec!["13", "JP-13", "Tokyo", "東京都", "東京", "Tōkyō", "Tokyo Prefecture"]),
        ("JP", "01", vec!["Hokkaido", "北海道"]),
        ("CN", "BJ", vec!["BJ", "11", "Beijing", "Beijing Shi", "北京市"]),
        ("CN", "XZ", vec!["YZ", "XZ", "Tibet", "Xizang"]),
        ("CN", "NM", vec!["15", "NM", "内蒙古", "Inner Mongolia"]),
        ("KR", "41", vec!["Gyeonggi-do", "경기도", "경기", "KR-41"]),
        ("TH", "10", vec!["TH-10", "Bangkok", "กรุงเทพมหานคร"]),
        ("AE", "DU", vec!["DU", "Dubai", "دبي", "إمارة دبيّ", "Emirate of Dubai"]),
        ("ZA", "KZN", vec!["KZN", "NL", "KwaZulu-Natal"]),
        ("ZA", "GP", vec!["GT", "Gauteng"]),
        ("EG", "C", vec!["C", "Cairo", "Al Qāhirah", "HU"]),
        ("PE", "LMA", vec!["PE-LMA", "Lima", "Municipalidad Metropolitana de Lima"]),
        ("PE", "LIM", vec!["LIM", "Lima Region", "Gobierno Regional de Lima"]),
        ("PA", "10", vec!["PA-10", "West Panamá", "Panamá Oeste"]),
        ("GT", "16", vec!["AVE", "AV", "16", "Alta Verapaz"]),
        ("AR", "B", vec!["Buenos Aires", "Buenos Aires Province", "Provincia de Buenos Aires"]),
        ("AR", "C", vec!["C", "Ciudad Autónoma de Buenos Aires", "Buenos Aires (Autonomous City)", "CABA"]),
        ("BR", "DF", vec!["Federal District", "Distrito Federal"]),
        ("ES", "O", vec!["Asturias", "Asturias Province"]),
        ("ES", "B", vec!["Barcelona"]),
        ("ES", "CT", vec!["Catalunya", "Cataluña", "Catalonia"]),
        ("IT", "RM", vec!["RM", "Roma", "Rome", "Provincia di Roma"]),
        ("IT", "BZ", vec!["South Tyrol", "Südtirol", "Bolzano", "Bozen"]),
        ("IE", "D", vec!["D", "Dublin", "County Dublin", "Co. Dublin"]),
        ("DE", "BY", vec!["Bavaria", "Bayern", "Freistaat Bayern"]),
        ("DE", "BW", vec!["Baden-Württemberg", "Baden-Wurttemberg", "Baden-Wuerttemberg"]),
        ("FR", "IDF", vec!["Île-de-France", "ile de france", "J"]),
        ("FR", "20R", vec!["Corse", "Corsica", "COR"]),
        ("GB", "SCT", vec!["Scotland", "SCT"]),
        ("PT", "30", vec!["PT-30", "Madeira", "Região Autónoma da Madeira"]),
        ("RO", "B", vec!["Bucharest", "București", "Bucuresti"]),
        ("PL", "14", vec!["MZ", "Mazowieckie", "mazowieckie", "14"]),
        ("NO", "50", vec!["23", "Trøndelag", "Trondelag"]),
        ("RU", "MOW", vec!["Moscow", "Москва"]),
        ("RU", "MOS", vec!["Moscow Oblast", "Moscow Region", "Московская область"]),
        ("IR", "23", vec!["Tehran", "تهران"]),
        ("NZ", "AUK", vec!["AUK", "Auckland"]),
        ("AU", "ACT", vec!["ACT", "JBT"]),
    ] {
        for text in texts {
            assert_eq!(find(country, text, Breadth::Narrow), Ok(region), "{country} {text}");
        }
    }
}

#[test]
fn what_is_no_region_is_none() {
    for (country, texts) in [
        (
            "US",
            vec![
                "NYC",
                "XX",
                "U",
                "001",
                "US",
                "USA",
                "US-",
                "US-US-NY",
                "CA-NY",
                "",
                "  ",
                "-",
                "New Yorkshire",
                "State",
                "the",
                "Of",
            ],
        ),
        ("GB", vec!["GB", "UK", "Middlesexx"]),
        ("JP", vec!["00", "48", "JP-48", "US-13"]),
        ("DE", vec!["XX", "Bavariaa", "de"]),
        ("PR", vec!["PR", "San Juan"]),
        ("ZZ", vec!["NY"]),
    ] {
        for text in texts {
            assert_eq!(narrow(country, text), None, "{country} {text:?}");
        }
    }
}

#[test]
fn a_name_of_several_is_the_smallest_or_the_largest_of_one_line() {
    let find = |country: &str, text: &str| (find(country, text, Breadth::Narrow), find(country, text, Breadth::Wide));
    assert_eq!(find("ES", "Madrid"), (Ok("M"), Ok("MD")));
    assert_eq!(find("BD", "Dhaka"), (Ok("13"), Ok("C")));
    let (narrow, wide) = find("EE", "Tartu");
    assert_eq!(narrow, wide);
    let both = narrow.unwrap_err();
    assert!(both.starts_with("\"Tartu\" could be 793 for ") && both.contains(", 796 for "), "{both}");
}

#[test]
fn a_territory_is_one_place_however_it_is_written() {
    let place = |country: &str, region: &str| Jurisdiction::of(country, Some(region), Breadth::Narrow).unwrap();
    for (country, region, own) in [
        ("US", "PR", "PR"),
        ("US", "GU", "GU"),
        ("US", "VI", "VI"),
        ("US", "AS", "AS"),
        ("US", "MP", "MP"),
        ("US", "UM", "UM"),
        ("US", "Palau", "PW"),
        ("FR", "974", "RE"),
        ("FR", "RE", "RE"),
        ("FR", "Guadeloupe", "GP"),
        ("FR", "NC", "NC"),
        ("NL", "AW", "AW"),
        ("NL", "Curaçao", "CW"),
        ("FI", "01", "AX"),
        ("FI", "Åland", "AX"),
        ("NO", "21", "SJ"),
        ("NO", "22", "SJ"),
        ("CN", "HK", "HK"),
        ("CN", "91", "HK"),
        ("CN", "71", "TW"),
        ("SH", "AC", "AC"),
        ("SH", "TA", "TA"),
        ("GB", "Jersey", "JE"),
    ] {
        let whole = Jurisdiction::of(own, None, Breadth::Narrow).unwrap();
        assert_eq!(place(country, region), whole, "{country} {region}");
        assert_eq!(whole, place(own, "whatever people write there"));
        assert!(countries_of(own).contains(&country.to_owned()), "{country} {own}");
        assert!(!countries_of(country).contains(&own.to_owned()));
    }
    assert_eq!(place("NL", "BQ1"), place("BQ", "BO"));
    assert_eq!(place("NL", "BQ1"), place("BQ", "Bonaire"));
    assert_eq!(Jurisdiction::of("US", Some(" "), Breadth::Narrow), Jurisdiction::of("US", None, Breadth::Narrow));
    assert_eq!(Jurisdiction::of("ZZ", None, Breadth::Narrow), None);
}

#[test]
fn spellings_go_from_the_inside_to_the_outside() {
    let spellings = |country: &str, region: &str| {
        let place = Jurisdiction::of(country, Some(region), Breadth::Narrow).unwrap();
        place.spellings().into_iter().map(|(country, code)| format!("{country}/{code}")).collect::<Vec<_>>()
    };
    assert_eq!(spellings("US", "NY"), ["US/ny", "US/"]);
    assert_eq!(spellings("IN", "Odisha"), ["IN/od", "IN/or", "IN/"]);
    assert_eq!(spellings("ES", "TF"), ["ES/tf", "ES/cn", "ES/"]);
    assert_eq!(spellings("US", "PR"), ["PR/", "US/pr"]);
    assert_eq!(spellings("PR", ""), ["PR/", "US/pr"]);
    assert_eq!(spellings("BQ", "BO"), ["BQ/bo", "NL/bq1", "BQ/"]);
    assert_eq!(spellings("RE", ""), ["RE/", "FR/974", "FR/lre", "FR/re"]);
}

#[test]
fn a_name_means_the_place_that_has_it() {
    for (country, text, code) in [
        ("TW", "Chiayi County", "CYQ"),
        ("TW", "嘉義縣", "CYQ"),
        ("TW", "Chiayi City", "CYI"),
        ("TW", "嘉義市", "CYI"),
        ("RU", "Altai Republic", "AL"),
        ("RU", "Altai", "AL"),
        ("RU", "Республика Алтай", "AL"),
        ("RU", "Altai Krai", "ALT"),
        ("UA", "Kyiv", "30"),
        ("UA", "Kiev", "30"),
        ("UA", "Kyiv Oblast", "32"),
        ("UA", "Kyiv Region", "32"),
        ("UA", "Kiev Oblast", "32"),
        ("UA", "Kharkiv", "63"),
        ("UA", "Odesa Oblast", "51"),
        ("PT", "Açores", "20"),
        ("CN", "广东", "GD"),
        ("BE", "Bruxelles", "BRU"),
        ("ES", "Tenerife", "TF"),
        ("CH", "Genf", "GE"),
        ("GB", "Cymru", "WLS"),
        ("DE", "NRW", "NW"),
        ("CA", "PEI", "PE"),
        ("JP", "Osaka-fu", "27"),
        ("US", "N. Carolina", "NC"),
        ("US", "Calif.", "CA"),
    ] {
        assert_eq!(narrow(country, text), Some(code), "{country} {text}");
        assert_eq!(find(country, text, Breadth::Wide).ok(), Some(code), "{country} {text}");
    }
    assert_eq!(find("FR", "Alsace", Breadth::Wide).ok(), Some("6AE"));
    assert!(find("TW", "Chiayi", Breadth::Narrow).is_err(), "the city or the county");
}

#[test]
fn a_former_subdivision_lies_in_a_present_one() {
    for (country, text, within) in [
        ("GR", "Chios", "K"),
        ("GR", "Lesbos", "K"),
        ("NO", "Nord-Trøndelag", "50"),
        ("NO", "Aust-Agder", "42"),
        ("CZ", "Praha 5", "10"),
        ("AL", "Pogradec", "06"),
        ("BA", "Una-Sana", "BIH"),
        ("IT", "Ogliastra", "88"),
    ] {
        let place = Jurisdiction::of(country, Some(text), Breadth::Narrow).unwrap();
        let spelled = (country, within.to_lowercase());
        assert!(place.spellings().contains(&spelled), "{country} {text}: {:?}", place.spellings());
    }
}
