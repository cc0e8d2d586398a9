//! The envelope of a paged list, with its links.

use std::borrow::Cow;

use poem::http::Uri;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use shop_core::Error;
use shop_core::page::{Page, PageRequest, Position};

use super::JsonResponse;
use crate::client::RequestOrigin;
use crate::problem::Result;

/// One page of a list: `{count, next, previous, results}`.
#[derive(Debug, Serialize)]
pub struct List<T> {
    /// Number of results in the whole list; null when paging by cursor.
    count: Option<u64>,
    /// URL of the next page.
    next: Option<String>,
    /// URL of the previous page.
    previous: Option<String>,
    /// The items of this page.
    results: Vec<T>,
}

impl<T> List<T> {
    /// The response with a page requested at `url`. Every paged list is returned through this function.
    ///
    /// # Errors
    /// 404 `not_found` for a numbered page past the end. The first page always exists, even if it is empty.
    pub fn answer<K>(url: &RequestUrl, request: &PageRequest<K>, page: Page<T>) -> Result<JsonResponse<Self>> {
        let past_the_end = page.items.is_empty() && matches!(request.position, Position::Number(2..));
        if past_the_end { Err(Error::NotFound.into()) } else { Ok(JsonResponse(Self::new(url, request, page))) }
    }

    /// The envelope of a page requested at `url`.
    fn new<K>(url: &RequestUrl, request: &PageRequest<K>, page: Page<T>) -> Self {
        let Page { items, total, next, previous } = page;
        let (next, previous) = match request.position {
            Position::Number(number) => {
                let seen = u64::from(number) * u64::from(request.size);
                let more = total.is_some_and(|total| seen < total);
                let link = |number: u32| url.with("page", &number.to_string());
                (more.then(|| link(number.saturating_add(1))), (number > 1).then(|| link(number - 1)))
            }
            Position::Start | Position::Cursor(_) => {
                let link = |cursor: shop_core::page::Cursor| url.with("cursor", &cursor.encode());
                (next.map(link), previous.map(link))
            }
        };
        Self { count: total, next, previous, results: items }
    }
}

impl<T: Type> Type for List<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| {
            let inline = |schema: MetaSchema| MetaSchemaRef::Inline(Box::new(schema));
            let link = |description| {
                inline(MetaSchema {
                    nullable: true,
                    description: Some(description),
                    ..MetaSchema::new_with_format("string", "uri")
                })
            };
            let count = inline(MetaSchema {
                nullable: true,
                description: Some("How many results the whole list has; null for a page by cursor."),
                ..MetaSchema::new_with_format("integer", "int64")
            });
            let results = inline(MetaSchema { items: Some(Box::new(T::schema_ref())), ..MetaSchema::new("array") });
            MetaSchema {
                required: vec!["count", "next", "previous", "results"],
                properties: vec![
                    ("count", count),
                    ("next", link("The address of the following page.")),
                    ("previous", link("The address of the preceding page.")),
                    ("results", results),
                ],
                ..MetaSchema::new("object")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

/// The URL of the request as the client sent it, even through a proxy; the base of links. Take it as a handler
/// argument.
#[derive(Debug, Clone)]
pub struct RequestUrl {
    /// The public URL of the server, without a trailing slash.
    base: String,
    uri: Uri,
}

impl RequestUrl {
    /// Makes a link absolute for a response: a path is prefixed with the public URL of the server.
    pub fn absolute(&self, link: String) -> String {
        if link.starts_with('/') { [&self.base, &*link].concat() } else { link }
    }

    /// Shortens a link for storage: removes the public URL of the server if a path starting with `below` remains.
    pub fn own_path(&self, link: String, below: &str) -> String {
        let path = link.strip_prefix(&self.base).filter(|path| path.starts_with(below));
        path.map(str::to_owned).unwrap_or(link)
    }

    /// The same URL with one paging parameter set. The other paging parameters are dropped; the rest is kept as sent.
    fn with(&self, name: &str, value: &str) -> String {
        let mut link = [&self.base, self.uri.path()].concat();
        let kept = self.uri.query().unwrap_or_default().split('&').filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !matches!(name, "" | "page" | "cursor")
        });
        let mut separator = '?';
        for pair in kept {
            link.push(separator);
            link.push_str(pair);
            separator = '&';
        }
        // Numbers and base64url need no escaping.
        link.push(separator);
        link.push_str(name);
        link.push('=');
        link.push_str(value);
        link
    }
}

impl<'a> FromRequest<'a> for RequestUrl {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let uri = request.original_uri().clone();
        let nowhere = RequestOrigin::default();
        let origin = request.data::<RequestOrigin>().unwrap_or(&nowhere);
        let base = origin.base(&uri, request.headers());
        Ok(Self { base, uri })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shop_core::page::Cursor;

    fn url(uri: &str) -> RequestUrl {
        RequestUrl { base: "http://shop.example:8000".into(), uri: uri.parse().unwrap() }
    }

    fn request(position: Position) -> PageRequest<()> {
        PageRequest { order: Vec::new(), size: 10, position }
    }

    #[test]
    fn numbered_pages_link_to_their_neighbours() {
        let url = url("/catalog/products/?search=a%20b&page=2&in_stock=true");
        let page = |total| Page { items: vec![1], total: Some(total), next: None, previous: None };
        let middle = List::new(&url, &request(Position::Number(2)), page(21));
        let base = "http://shop.example:8000/catalog/products/?search=a%20b&in_stock=true";
        assert_eq!(middle.next, Some(format!("{base}&page=3")));
        assert_eq!(middle.previous, Some(format!("{base}&page=1")));
        let end = List::new(&url, &request(Position::Number(2)), page(20));
        assert_eq!(end.next, None);
        let first = List::new(&url, &request(Position::Number(1)), page(5));
        assert_eq!((first.next, first.previous, first.count), (None, None, Some(5)));
    }

    #[test]
    fn links_to_the_servers_own_files_are_kept_as_paths() {
        let url = url("/catalog/products/");
        for (sent, kept) in [
            ("http://shop.example:8000/media/a.png", "/media/a.png"),
            ("http://shop.example:8000.evil.example/media/a.png", "http://shop.example:8000.evil.example/media/a.png"),
            ("http://shop.example:8000/other/a.png", "http://shop.example:8000/other/a.png"),
            ("http://other.example/media/a.png", "http://other.example/media/a.png"),
        ] {
            assert_eq!(url.own_path(sent.into(), "/media/"), kept);
            assert_eq!(url.absolute(kept.into()), sent);
        }
    }

    #[test]
    fn a_page_past_the_end_is_not_found_and_the_first_always_is() {
        let answer = |position, items: Vec<i32>| {
            let page = Page { items, total: None, next: None, previous: None };
            List::answer(&url("/orders/"), &request(position), page)
                .map(drop)
                .map_err(|problem| problem.code().to_owned())
        };
        let cursor = Cursor { keys: Vec::new(), id: uuid::Uuid::nil(), backward: false, order: "name".into() };
        assert_eq!(answer(Position::Number(2), vec![]), Err("not_found".to_owned()));
        assert_eq!(answer(Position::Number(u32::MAX), vec![]), Err("not_found".to_owned()));
        assert_eq!(answer(Position::Number(2), vec![1]), Ok(()));
        for first in [Position::Number(1), Position::Start, Position::Cursor(cursor)] {
            assert_eq!(answer(first, vec![]), Ok(()));
        }
    }

    #[test]
    fn pages_by_cursor_link_by_cursor_and_count_nothing() {
        let cursor = Cursor { keys: Vec::new(), id: uuid::Uuid::nil(), backward: false, order: "name".into() };
        let page = Page { items: vec![1], total: None, next: Some(cursor.clone()), previous: None };
        let list = List::new(&url("/orders?cursor="), &request(Position::Start), page);
        assert_eq!(list.next, Some(format!("http://shop.example:8000/orders?cursor={}", cursor.encode())));
        let json = serde_json::to_value(&list).unwrap();
        assert_eq!((&json["count"], &json["previous"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    }
}
