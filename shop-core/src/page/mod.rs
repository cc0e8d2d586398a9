//! Pagination: by page number, and by cursor at a cost that does not grow with the page.

mod memo;
pub(crate) mod paging;
mod window;

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};

pub use memo::PageMemo;
pub use window::PageWindow;

/// The default number of results per page.
pub const DEFAULT_PAGE_SIZE: u32 = 20;
/// The maximum number of results per page; it keeps responses small.
pub const MAX_PAGE_SIZE: u32 = 100;
/// The highest page number, past the end of any list. Higher numbers are treated like this one.
pub const MAX_PAGE_NUMBER: u32 = u32::MAX;

/// One sort key: a field and its direction. The id is always the final tie-breaker, compared as bytes, in the direction
/// of the last key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort<K> {
    /// The field to sort by.
    pub key: K,
    /// Whether to sort from the largest to the smallest.
    pub descending: bool,
}

/// The requested part of a list, and its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The sort keys, never empty: the list's default order if the caller names none.
    pub order: Vec<Sort<K>>,
    /// The maximum number of results, 1 to [`MAX_PAGE_SIZE`].
    pub size: u32,
    /// The start of the page.
    pub position: Position,
}

/// The start of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// The page with this number, from 1. The response includes the total.
    Number(u32),
    /// The first page by cursor, without a total.
    Start,
    /// The page after (or before) a cursor, without a total.
    Cursor(Cursor),
}

impl<K: SortKey> Default for PageRequest<K> {
    fn default() -> Self {
        Self { order: K::default_order(), size: DEFAULT_PAGE_SIZE, position: Position::Number(1) }
    }
}

/// A position between two results: the sort keys and the id of the adjacent result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The values of the sort keys, in the same order.
    #[serde(rename = "k")]
    pub keys: Vec<SortValue>,
    /// The id of the adjacent result, the final tie-breaker.
    #[serde(rename = "i")]
    pub id: Uuid,
    /// True for the page that ends right before this position, false for the page that starts after it.
    #[serde(rename = "b")]
    pub backward: bool,
    /// The order that the cursor was made for, as text. A request with another order refuses the cursor.
    #[serde(rename = "o")]
    pub order: String,
}

/// The value of a sort key. Text compares bytewise (the core folds it before it is stored).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortValue {
    /// A number, or an instant in microseconds since 1970.
    Number(i64),
    /// Folded text.
    Text(String),
}

impl Cursor {
    /// Encodes the cursor as opaque text for clients.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Decodes the opaque text of a cursor.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `cursor` when the text was not made by [`Cursor::encode`].
    pub fn decode(text: &str) -> Result<Self> {
        let refused = || Error::invalid("cursor", "The cursor is not valid.");
        // A cursor holds a few short keys; longer text did not come from `encode`.
        if text.len() > 4096 {
            return Err(refused());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
        serde_json::from_slice(&bytes).map_err(|_| refused())
    }
}

/// One page of a list.
///
/// A page by cursor links onward in the direction of travel while there are more results. It links back if the request
/// named a cursor and the page is not empty. ([`PageRequest::page_by_cursor`] sets both.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The results, in the requested order, also on a backward page.
    pub items: Vec<T>,
    /// The number of results in the whole list; `None` for a page by cursor.
    pub total: Option<u64>,
    /// The cursor of the next page; only for a page by cursor.
    pub next: Option<Cursor>,
    /// The cursor of the previous page; only for a page by cursor.
    pub previous: Option<Cursor>,
}

/// A row that can be listed, with its sort values. They are the same in every store.
pub trait Sortable {
    /// The sort keys of the list.
    type Key: SortKey;
    /// The row's value of a key: stores save it with the row, order by it and put it into cursors.
    fn sort_value(&self, key: Self::Key) -> SortValue;
    /// The final tie-breaker: the row's id, unless the list's docs say otherwise.
    fn tie_breaker(&self) -> Uuid;
}

impl<T> Page<T> {
    /// The requested page of a short list that is already loaded and sorted. Such a list is paged by number only.
    #[must_use]
    pub fn of<K>(rows: Vec<T>, request: &PageRequest<K>) -> Self {
        let size = request.size as usize;
        let number = match request.position {
            Position::Number(number) => number,
            Position::Start | Position::Cursor(_) => 1,
        };
        let skipped = (number.saturating_sub(1) as usize).saturating_mul(size);
        let total = Some(rows.len() as u64);
        Self { items: rows.into_iter().skip(skipped).take(size).collect(), total, next: None, previous: None }
    }

    /// Maps every result of the page.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        let Self { items, total, next, previous } = self;
        Page { items: items.into_iter().map(change).collect(), total, next, previous }
    }
}

/// A sort key with a name, so that orders and cursors can be written as text.
pub trait SortKey: Copy + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// The name in the API.
    fn name(self) -> &'static str;
    /// All keys that a client may use.
    fn all() -> &'static [Self];
    /// The order of the list if the caller names none.
    fn default_order() -> Vec<Sort<Self>>;
}

/// The sort key of lists that can only be sorted by creation time; newest first by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreationSort {
    /// The creation time.
    CreatedAt,
}

impl SortKey for CreationSort {
    fn name(self) -> &'static str {
        "created_at"
    }
    fn all() -> &'static [Self] {
        &[Self::CreatedAt]
    }
    fn default_order() -> Vec<Sort<Self>> {
        vec![Sort { key: Self::CreatedAt, descending: true }]
    }
}

const SIZE_REASON: &str = "Must be a whole number from 1 to 100.";

/// Parses a whole number from 1, in ASCII digits. Numbers above [`MAX_PAGE_NUMBER`] that fit in 64 bits become
/// [`MAX_PAGE_NUMBER`].
fn whole(text: &str) -> Option<u32> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|number| is_digits && *number >= 1)?;
    Some(u32::try_from(number).unwrap_or(MAX_PAGE_NUMBER))
}

impl<K: SortKey> PageRequest<K> {
    /// Parses the query parameters `page`, `page_size`, `cursor` and `ordering` (`ordering=-price,name`).
    ///
    /// An empty `cursor` asks for the first page by cursor.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each parameter that is out of range or unknown.
    pub fn parse(
        page: Option<&str>,
        page_size: Option<&str>,
        cursor: Option<&str>,
        ordering: Option<&str>,
    ) -> Result<Self> {
        let mut checks = crate::field::Checks::new();
        let size = page_size.map_or(Some(DEFAULT_PAGE_SIZE), |text| whole(text).filter(|size| *size <= MAX_PAGE_SIZE));
        let size = size.or_else(|| checks.refuse("page_size", SIZE_REASON)).unwrap_or(DEFAULT_PAGE_SIZE);
        let page = page.map_or(Some(1), whole);
        let page = page.or_else(|| checks.refuse("page", "Must be a whole number from 1.")).unwrap_or(1);
        let mut order: Vec<Sort<K>> = Vec::new();
        for name in ordering.unwrap_or("").split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let (descending, name) = name.strip_prefix('-').map_or((false, name), |name| (true, name));
            match K::all().iter().find(|key| key.name() == name) {
                Some(key) if order.iter().all(|sort| sort.key != *key) => {
                    order.push(Sort { key: *key, descending });
                }
                _ => {
                    let names: Vec<_> = K::all().iter().map(|key| key.name()).collect();
                    checks.refuse::<()>("ordering", format!("Must be one of: {}.", names.join(", ")));
                    break;
                }
            }
        }
        if order.is_empty() {
            order = K::default_order();
        }
        let position = match cursor {
            None => Position::Number(page),
            Some("") => Position::Start,
            Some(text) => match Cursor::decode(text) {
                Ok(cursor) if cursor.order == order_text(&order) && cursor.keys.len() == order.len() => {
                    Position::Cursor(cursor)
                }
                _ => checks.refuse("cursor", "The cursor is not valid.").unwrap_or(Position::Start),
            },
        };
        checks.finish()?;
        Ok(Self { order, size, position })
    }

    /// True when results with equal keys are sorted by descending id.
    #[must_use]
    pub fn id_descends(&self) -> bool {
        self.order.last().is_some_and(|sort| sort.descending)
    }

    /// Compares two results in this order, each given by the values of its sort keys and its id.
    #[must_use]
    pub fn compare(&self, left: (&[SortValue], Uuid), right: (&[SortValue], Uuid)) -> Ordering {
        let turned = |ordering: Ordering, descending| if descending { ordering.reverse() } else { ordering };
        let keys = self.order.iter().zip(left.0.iter().zip(right.0));
        keys.map(|(sort, (left, right))| turned(left.cmp(right), sort.descending))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| turned(left.1.cmp(&right.1), self.id_descends()))
    }

    /// The row's values of this order's sort keys.
    pub fn keys_of<T: Sortable<Key = K>>(&self, row: &T) -> Vec<SortValue> {
        self.order.iter().map(|sort| row.sort_value(sort.key)).collect()
    }

    /// A forward cursor at a row: it leads to the rows after it.
    pub(crate) fn cursor_at<T: Sortable<Key = K>>(&self, row: &T) -> Cursor {
        Cursor { keys: self.keys_of(row), id: row.tie_breaker(), backward: false, order: self.order_text() }
    }

    /// Builds the page from the rows beyond its cursor. `rows` are the first `size + 1` (or all, if fewer) in the
    /// direction of travel, nearest to the cursor first. For [`Position::Start`] they are the first of the list.
    #[must_use]
    pub fn page_by_cursor<T: Sortable<Key = K>>(&self, mut rows: Vec<T>) -> Page<T> {
        let backward = matches!(&self.position, Position::Cursor(cursor) if cursor.backward);
        let size = self.size as usize;
        let more = rows.len() > size;
        rows.truncate(size);
        if backward {
            rows.reverse();
        }
        let came = matches!(self.position, Position::Cursor(_)) && !rows.is_empty();
        let (has_previous, has_next) = if backward { (more, came) } else { (came, more) };
        let link = |row: Option<&T>, backward| row.map(|row| Cursor { backward, ..self.cursor_at(row) });
        Page {
            total: None,
            next: if has_next { link(rows.last(), false) } else { None },
            previous: if has_previous { link(rows.first(), true) } else { None },
            items: rows,
        }
    }

    /// The order as text, as stored in cursors.
    #[must_use]
    pub fn order_text(&self) -> String {
        order_text(&self.order)
    }
}

fn order_text<K: SortKey>(order: &[Sort<K>]) -> String {
    let names: Vec<_> =
        order.iter().map(|sort| format!("{}{}", if sort.descending { "-" } else { "" }, sort.key.name())).collect();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn parse(page: Option<&str>, size: Option<&str>) -> Result<PageRequest<CreationSort>> {
        PageRequest::parse(page, size, None, None)
    }

    #[test]
    fn pages_are_whole_numbers_from_one_of_any_size() {
        let number = |text| parse(Some(text), None).unwrap().position;
        assert_eq!(number("1"), Position::Number(1));
        assert_eq!(number("0012"), Position::Number(12));
        for far in ["4294967295", "4294967296", "18446744073709551615"] {
            assert_eq!(number(far), Position::Number(MAX_PAGE_NUMBER), "{far}");
        }
    }

    #[test]
    fn what_is_no_page_is_named() {
        for wrong in ["", "0", "18446744073709551616", "000", "-1", "+1", "1.0", "x", " 1", "\u{661}"] {
            let Err(Error::Invalid(invalid)) = parse(Some(wrong), Some(wrong)) else { panic!("{wrong:?} is taken") };
            assert_eq!(invalid.fields.keys().collect::<Vec<_>>(), ["page", "page_size"], "{wrong:?}");
        }
        assert!(parse(None, Some("101")).is_err());
        assert_eq!(parse(None, Some("100")).unwrap().size, MAX_PAGE_SIZE);
    }
}
