//! Draft orders made by staff, and notes on orders.

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use shop_core::id::{DraftId, OrderId};
use shop_core::orders::DraftView;
use uuid::Uuid;

use super::bodies::{DraftBody, DraftChangeRequest, DraftRequest, HistoryBody, NoteRequest, OrderBody, OrderRequest};
use super::placed_order;
use crate::api::Context;
use crate::auth::Staff;
use crate::field::JsonBody;
use crate::problem::Result;
use crate::response::{
    Created, IdempotencyKey, IfMatch, JsonResponse, List, NoContent, Paging, ReplayableResponse, VersionedResponse,
};

/// Draft orders made by staff, and notes on orders.
pub(in crate::api) struct Drafts(pub(in crate::api) Context);

#[OpenApi]
impl Drafts {
    /// Lists the draft orders, newest first.
    #[oai(path = "/orders/drafts/", method = "get")]
    async fn list(
        &self,
        staff: Staff,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<DraftBody>>> {
        let request = paging.request()?;
        let drafts = self.0.shop.orders().drafts(&staff, &request).await?;
        paging.answer(&request, drafts, DraftBody::from)
    }

    /// Creates a draft order for a customer, or for a buyer without an account.
    #[oai(path = "/orders/drafts/", method = "post")]
    async fn create(&self, staff: Staff, body: JsonBody<DraftRequest>) -> Result<VersionedResponse<DraftBody, 201>> {
        Ok(answer(self.0.shop.orders().create_draft(&staff, body.into_inner().into()).await?))
    }

    /// Gets a draft order.
    #[oai(path = "/orders/drafts/:id/", method = "get")]
    async fn get(&self, staff: Staff, id: Path<Uuid>) -> Result<VersionedResponse<DraftBody>> {
        Ok(answer(self.0.shop.orders().draft(&staff, DraftId(id.0)).await?))
    }

    /// Changes a draft order; `items` replaces all items.
    #[oai(path = "/orders/drafts/:id/", method = "patch")]
    async fn update(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        if_match: IfMatch,
        body: JsonBody<DraftChangeRequest>,
    ) -> Result<VersionedResponse<DraftBody>> {
        let (orders, input) = (self.0.shop.orders(), body.into_inner().into());
        Ok(answer(orders.change_draft(&staff, DraftId(id.0), input, if_match.expected()).await?))
    }

    /// Deletes a draft order.
    #[oai(path = "/orders/drafts/:id/", method = "delete")]
    async fn delete(&self, staff: Staff, id: Path<Uuid>, if_match: IfMatch) -> Result<NoContent> {
        self.0.shop.orders().delete_draft(&staff, DraftId(id.0), if_match.expected()).await?;
        Ok(NoContent)
    }

    /// Turns a draft into an order that belongs to its customer, and deletes the draft.
    #[oai(path = "/orders/drafts/:id/place/", method = "post")]
    async fn place(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<OrderRequest>,
    ) -> Result<ReplayableResponse<VersionedResponse<OrderBody, 201>>> {
        let (request, key) = idempotency_key.of(body)?;
        let orders = self.0.shop.orders();
        let placed = orders.place_draft(&staff, DraftId(id.0), request.into(), key.as_ref()).await?;
        placed_order(&self.0.shop, &staff, placed).await
    }

    /// Adds a note to the history of an order.
    #[oai(path = "/orders/:id/notes/", method = "post")]
    async fn note(&self, staff: Staff, id: Path<Uuid>, body: JsonBody<NoteRequest>) -> Result<Created<HistoryBody>> {
        let note = self.0.shop.orders().add_note(&staff, OrderId(id.0), body.into_inner().into()).await?;
        Ok(JsonResponse(note.into()))
    }
}

fn answer<const STATUS: u16>(view: DraftView) -> VersionedResponse<DraftBody, STATUS> {
    let version = view.draft.version;
    VersionedResponse::new(view.into(), version)
}
