//! The pictures of the sample shop, drawn by the server itself, so that no request leaves the machine.
//!
//! Each is a small SVG with one symbol per category and a color per product. It has no style sheet, script or font, so
//! it works under the strictest content security policy.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::data::Sample;
use crate::home::escaped;

/// The path prefix of all pictures.
pub(crate) const PREFIX: &str = "/media/demo/";
/// The route of a picture; its one parameter is `file`.
pub(crate) const ROUTE: &str = "/media/demo/:file";

/// The view of a product that a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Front,
    Detail,
}

impl View {
    pub(super) const ALL: [Self; 2] = [Self::Front, Self::Detail];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Detail => "detail",
        }
    }
}

/// The path of a picture on this server.
pub(super) fn path(slug: &str, view: View) -> String {
    format!("{PREFIX}{slug}-{}.svg", view.name())
}

/// Draws the picture with this file name, if the sample shop has it.
pub(crate) fn find(file: &str) -> Option<String> {
    static PRODUCTS: OnceLock<HashMap<String, (String, String)>> = OnceLock::new();
    let products = PRODUCTS.get_or_init(|| {
        let items = Sample::read().map(|sample| sample.products).unwrap_or_default();
        items.into_iter().map(|item| (item.slug(), (item.name, item.category))).collect()
    });
    let (slug, view) = file.strip_suffix(".svg")?.rsplit_once('-')?;
    let view = View::ALL.into_iter().find(|known| known.name() == view)?;
    let (name, category) = products.get(slug)?;
    Some(draw(name, category, view))
}

fn draw(name: &str, category: &str, view: View) -> String {
    let (paper, ink) = colors(name);
    let (symbol, name) = (symbol(category), escaped(name));
    let (place, label) = match view {
        View::Front => (
            "translate(0 -15)",
            format!(
                "<text x=\"200\" y=\"360\" fill=\"{ink}\" font-family=\"sans-serif\" font-size=\"20\" \
             text-anchor=\"middle\">{name}</text>"
            ),
        ),
        View::Detail => ("translate(-180 -180) scale(1.9)", String::new()),
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 400\" width=\"1200\" height=\"1200\" role=\"img\">\
         <title>{name}, {}</title><rect width=\"400\" height=\"400\" fill=\"{paper}\"/>\
         <path d=\"{symbol}\" transform=\"{place}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"7\" \
         stroke-linecap=\"round\" stroke-linejoin=\"round\"/>{label}</svg>\n",
        view.name()
    )
}

/// The background and drawing colors, always the same for one product.
fn colors(name: &str) -> (&'static str, &'static str) {
    const PAIRS: [(&str, &str); 8] = [
        ("#f3e9dc", "#7a4a26"),
        ("#dfe9e3", "#2f5d4a"),
        ("#e3e8f2", "#2f4a7a"),
        ("#f5e1dc", "#8a3b2a"),
        ("#efe6f3", "#5b3a78"),
        ("#f6efcf", "#6f5a12"),
        ("#dcecf0", "#1f5b6b"),
        ("#ececea", "#3a3f45"),
    ];
    let sum: usize = name.bytes().map(usize::from).sum();
    PAIRS.get(sum % PAIRS.len()).copied().unwrap_or(("#ffffff", "#000000"))
}

/// The outline of a category's goods, in a square of 400.
fn symbol(category: &str) -> &'static str {
    match category {
        "Coffee & Tea" => {
            "M110 190h150v60a50 50 0 0 1-50 50h-50a50 50 0 0 1-50-50zM260 205h20a30 30 0 0 1 0 60h-22\
             M150 160c-10-15 10-25 0-40M185 160c-10-15 10-25 0-40M220 160c-10-15 10-25 0-40"
        }
        "Cookware" => {
            "M80 210h180v30a40 40 0 0 1-40 40h-100a40 40 0 0 1-40-40zM260 222h75M130 180c-8-12 8-20 0-32\
             M170 180c-8-12 8-20 0-32M210 180c-8-12 8-20 0-32"
        }
        "Tableware" => "M200 105a95 95 0 1 0 .1 0zM200 150a50 50 0 1 0 .1 0z",
        "T-Shirts" => "M150 110l-60 40 25 45 30-15v120h110v-120l30 15 25-45-60-40c-15 25-85 25-100 0z",
        "Knitwear" => {
            "M150 110l-50 30-20 120 35 8 25-80v112h120v-112l25 80 35-8-20-120-50-30c-15 25-85 25-100 0zM140 280h120"
        }
        "Accessories" => "M120 240a80 90 0 0 1 160 0zM105 240h190v45h-190zM190 135a10 10 0 1 0 20 0 10 10 0 1 0-20 0z",
        "Lighting" => "M150 200l30-90h40l30 90zM200 200v90M150 290h100",
        "Textiles" => "M110 150h180v45h-180zM110 195h180v45h-180zM110 240h180v45h-180z",
        "Candles" => "M160 190h80v110h-80zM200 190v-25M200 160c-25-20 0-35 0-55 0 20 25 35 0 55z",
        "Camping" => "M200 110l110 180h-220zM200 110l-12-18M200 110l12-18M200 180l42 110h-84z",
        "Bottles & Flasks" => {
            "M180 90h40v35c0 15 25 25 25 55v110a15 15 0 0 1-15 15h-60a15 15 0 0 1-15-15v-110c0-30 25-40 25-55zM155 215h90"
        }
        "Notebooks" => "M130 100h130a15 15 0 0 1 15 15v170a15 15 0 0 1-15 15h-130zM160 100v200M190 150h55M190 180h55",
        "Pens" => "M105 295l22-62 115-115 40 40-115 115zM127 233l40 40M217 143l40 40",
        _ => "M100 150h200v120h-200zM100 190h200M170 150v120",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_has_its_pictures_and_nothing_else_is_found() {
        for item in Sample::read().unwrap().products {
            for view in View::ALL {
                let path = path(&item.slug(), view);
                assert!(shop_core::validate::image_url(path.clone()).is_ok(), "{path}");
                let picture = find(path.strip_prefix(PREFIX).unwrap()).unwrap();
                assert!(picture.contains(&escaped(&item.name)) && picture.len() < 2_000, "{picture}");
                let links = picture.replace("http://www.w3.org/2000/svg", "");
                assert!(!links.contains("//") && !links.contains("href") && !links.contains("url("), "{picture}");
            }
            assert_ne!(symbol(&item.category).len(), 0);
        }
        for unknown in
            ["", ".svg", "stoneware-mug.svg", "stoneware-mug-front.png", "stoneware-mug-back.svg", "x-front.svg"]
        {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }
}
