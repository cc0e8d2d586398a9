//! What a search finds and in which order: the same in every store.
//!
//! A store indexes the folded words of [`Product::search_document`] in its own way, and must match and rank exactly as
//! [`SearchDocument::rank`] does.

use crate::model::catalog::{Category, Product, ProductSort, SearchDocument};
use crate::page::{SortValue, Sortable};
use crate::text;

impl Product {
    /// The words that a search looks into: the name, the SKUs of all variants, and the description.
    #[must_use]
    pub fn search_document(&self) -> SearchDocument {
        let skus: Vec<_> = self.variants.iter().map(|variant| variant.sku.as_str()).collect();
        SearchDocument {
            name: text::tokens(&self.name),
            sku: text::tokens(&skus.join(" ")),
            description: text::tokens(&self.description),
        }
    }

    /// The folded name: the sort key `name`.
    #[must_use]
    pub fn name_key(&self) -> String {
        name_key(&self.name)
    }
}

/// Folds a name: names that differ only in case or accents have the same key.
#[must_use]
pub fn name_key(name: &str) -> String {
    text::fold(name)
}

impl Category {
    /// The folded name: the sort key `name`.
    #[must_use]
    pub fn name_key(&self) -> String {
        text::fold(&self.name)
    }
}

impl SearchDocument {
    /// Ranks the match of folded query words; `None` when one of them is a prefix of no word. 0 is best: each is a
    /// prefix of a word of the name; 1: of the name or a SKU; 2: of any field.
    ///
    /// The rank is the sort key [`ProductSort::Relevance`]; without query words it is 0.
    #[must_use]
    pub fn rank(&self, words: &[String]) -> Option<i64> {
        let begins = |field: &[String], word: &str| field.iter().any(|token| token.starts_with(word));
        let all = |fields: &[&[String]]| words.iter().all(|word| fields.iter().any(|field| begins(field, word)));
        [&[self.name.as_slice()] as &[&[String]], &[&self.name, &self.sku], &[&self.name, &self.sku, &self.description]]
            .into_iter()
            .zip(0..)
            .find_map(|(fields, rank)| all(fields).then_some(rank))
    }
}

/// A product in a list, with the rank of its search match (0 without a search).
#[derive(Debug, Clone, PartialEq)]
pub struct FoundProduct {
    /// The rank; see [`SearchDocument::rank`].
    pub rank: i64,
    /// The product that matched.
    pub product: Product,
}

impl Sortable for FoundProduct {
    type Key = ProductSort;

    fn sort_value(&self, key: ProductSort) -> SortValue {
        match key {
            ProductSort::Name => SortValue::Text(self.product.name_key()),
            ProductSort::Price => SortValue::Number(self.product.lowest_price().0),
            ProductSort::CreatedAt => SortValue::Number(self.product.created_at.timestamp_micros()),
            ProductSort::Relevance => SortValue::Number(self.rank),
        }
    }

    fn tie_breaker(&self) -> uuid::Uuid {
        self.product.id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> SearchDocument {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        SearchDocument { name: words("green tea"), sku: words("tea 100 grn"), description: words("fresh from uji") }
    }

    #[test]
    fn every_word_must_begin_a_word() {
        let rank = |query: &[&str]| document().rank(&query.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(rank(&[]), Some(0));
        assert_eq!(rank(&["te", "gree"]), Some(0));
        assert_eq!(rank(&["tea", "10"]), Some(1));
        assert_eq!(rank(&["grn"]), Some(1));
        assert_eq!(rank(&["tea", "uji"]), Some(2));
        assert_eq!(rank(&["tea", "coffee"]), None);
        assert_eq!(rank(&["ea"]), None);
        assert_eq!(rank(&["teas"]), None);
    }
}
