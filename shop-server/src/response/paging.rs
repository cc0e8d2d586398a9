//! The query parameters that every list takes.

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use shop_core::page::{Page, PageRequest, SortKey};

use super::{JsonResponse, List, RequestUrl};
use crate::field::Optional;
use crate::problem::Result;

/// The parameters `page`, `page_size`, `cursor` and `ordering` of a list, and the URL that its links start from.
///
/// poem-openapi declares one parameter per argument. A handler names this one `paging`, and its doc comment describes
/// `ordering`; [`crate::openapi`] declares the four parameters in its place.
#[derive(Debug, Clone)]
pub struct Paging {
    page: Option<String>,
    page_size: Option<String>,
    cursor: Option<String>,
    ordering: Option<String>,
    url: RequestUrl,
}

impl Paging {
    /// The URL of the request.
    pub fn url(&self) -> &RequestUrl {
        &self.url
    }

    /// The sort order, if one was sent.
    pub fn ordering(&self) -> Option<&str> {
        self.ordering.as_deref()
    }

    /// Parses the requested page and sort order.
    ///
    /// # Errors
    /// 400 naming each parameter that is unknown or out of range.
    pub fn request<K: SortKey>(&self) -> Result<PageRequest<K>> {
        self.ordered_by(self.ordering())
    }

    /// Like [`Paging::request`], in another sort order than the one that was sent.
    pub fn ordered_by<K: SortKey>(&self, ordering: Option<&str>) -> Result<PageRequest<K>> {
        let (page, page_size, cursor) = (self.page.as_deref(), self.page_size.as_deref(), self.cursor.as_deref());
        Ok(PageRequest::parse(page, page_size, cursor, ordering)?)
    }

    /// The response with a page, each item as a body.
    ///
    /// # Errors
    /// 404 for a numbered page past the end.
    pub fn answer<K, T, B>(
        &self,
        request: &PageRequest<K>,
        page: Page<T>,
        body: impl FnMut(T) -> B,
    ) -> Result<JsonResponse<List<B>>> {
        List::answer(&self.url, request, page.map(body))
    }
}

impl<'a> ApiExtractor<'a> for Paging {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self {
            page: sent(request, body, "page").await?,
            page_size: sent(request, body, "page_size").await?,
            cursor: sent(request, body, "cursor").await?,
            ordering: sent(request, body, "ordering").await?,
            url: <RequestUrl as FromRequest>::from_request(request, body).await?,
        })
    }
}

/// The value of a query parameter, if one was sent.
async fn sent(request: &Request, body: &mut RequestBody, name: &'static str) -> poem::Result<Option<String>> {
    let options = ExtractParamOptions { name, ..ExtractParamOptions::default() };
    let parameter = Query::<Optional<String>>::from_request(request, body, options).await?;
    Ok(parameter.as_str().map(str::to_owned))
}
