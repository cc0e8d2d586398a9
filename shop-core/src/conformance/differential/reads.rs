//! Reads: single rows, and lists with every filter and order, by number and by cursor to the end.

use std::future::Future;

use super::call::{Run, call};
use super::known::{Known, News};
use crate::catalog::ProductQuery;
use crate::error::Result;
use crate::inventory::ReservationQuery;
use crate::model::accounts::UserFilter;
use crate::model::inventory::{Location, MovementFilter, ReservationFilter, StockFilter};
use crate::model::orders::ReturnFilter;
use crate::model::payments::PaymentFilter;
use crate::model::shipping::ShipmentFilter;
use crate::orders::OrderQuery;
use crate::page::{Page, PageRequest, SortKey};

/// How a list is paged.
#[derive(Debug, Clone, Copy)]
pub(super) struct PagingMode {
    /// A subset of the sort keys, and their directions.
    order: u32,
    size: u32,
    /// The number of the page; `None` reads by cursor from the first page on.
    page: Option<u32>,
}

impl PagingMode {
    pub(super) fn draw(known: &mut Known) -> Self {
        let page = (!known.once_in(2)).then(|| known.below(3) + 1);
        Self { order: known.below(64), size: known.below(6) + 1, page }
    }

    /// Reads the pages.
    pub(super) async fn read<K: SortKey, T, F>(self, read: impl Fn(PageRequest<K>) -> F) -> Result<Vec<Page<T>>>
    where
        F: Future<Output = Result<Page<T>>>,
    {
        let names = K::all().iter().enumerate().filter_map(|(place, key)| {
            let bits = self.order >> (2 * place) & 3;
            match bits {
                0 | 3 => None,
                1 => Some(key.name().to_owned()),
                _ => Some(format!("-{}", key.name())),
            }
        });
        let order = names.collect::<Vec<_>>().join(",");
        let size = self.size.to_string();
        if let Some(number) = self.page {
            let request = PageRequest::parse(Some(&number.to_string()), Some(&size), None, Some(&order))?;
            return Ok(vec![read(request).await?]);
        }
        let mut pages = Vec::new();
        let mut cursor = String::new();
        for _ in 0..40 {
            let request = PageRequest::parse(None, Some(&size), Some(&cursor), Some(&order))?;
            let page = read(request).await?;
            let next = page.next.as_ref().map(crate::page::Cursor::encode);
            pages.push(page);
            match next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        // And one page back.
        if let Some(previous) = pages.last().and_then(|page| page.previous.as_ref()) {
            let cursor = previous.encode();
            pages.push(read(PageRequest::parse(None, Some(&size), Some(&cursor), Some(&order))?).await?);
        }
        Ok(pages)
    }
}

fn locations(pages: &[Page<Location>]) -> Vec<News> {
    pages.iter().flat_map(|page| &page.items).map(|location| News::Location(location.id)).collect()
}

fn of_catalog(known: &mut Known) -> (String, Run) {
    let (actor, paging) = (if known.once_in(2) { known.buyer() } else { known.staff() }, PagingMode::draw(known));
    match known.below(4) {
        0 => {
            let slug = known.known(|news| if let News::Product(_, slug) = news { Some(slug.clone()) } else { None });
            let name = slug.filter(|_| known.once_in(2)).unwrap_or_else(|| known.product().0.to_string());
            call!("product", [actor, name], |shop| shop.catalog().product(&actor, &name))
        }
        1 => call!("list_categories", [actor, paging], |shop| paging.read(|page| {
            let (shop, actor) = (&shop, &actor);
            async move { shop.catalog().list_categories(actor, &page).await }
        })),
        _ => {
            let mut query = ProductQuery::default();
            if known.once_in(2) {
                query.search = known.word().into();
            }
            if known.once_in(4) {
                query.category = known.category().0.to_string().into();
            }
            if known.once_in(4) {
                query.min_price = known.amount().into();
            }
            if known.once_in(4) {
                query.in_stock = known.once_in(2).into();
            }
            call!("list_products", [actor, query, paging], |shop| paging.read(|page| {
                let (shop, actor, query) = (&shop, &actor, query.clone());
                async move { shop.catalog().list_products(actor, query, &page).await }
            }))
        }
    }
}

fn of_orders(known: &mut Known) -> (String, Run) {
    let (staff, paging) = (known.staff(), PagingMode::draw(known));
    match known.below(6) {
        4 => {
            let order_id = known.once_in(2).then(|| known.order());
            let filter = ReturnFilter { order_id, ..ReturnFilter::default() };
            call!("list_returns", [staff, filter, paging], |shop| paging.read(|page| {
                let (shop, staff, filter) = (&shop, &staff, &filter);
                async move { shop.orders().list_returns(staff, filter, &page).await }
            }))
        }
        0 => {
            let (actor, id) = (known.buyer(), known.order());
            call!("order", [actor, id], |shop| shop.orders().view(&actor, id))
        }
        1 => {
            let id = known.order();
            call!("history", [staff, id], |shop| shop.orders().history(&staff, id))
        }
        2 => {
            let order_id = known.once_in(2).then(|| known.order());
            let filter = PaymentFilter { order_id, ..PaymentFilter::default() };
            call!("list_payments", [staff, filter, paging], |shop| paging.read(|page| {
                let (shop, staff, filter) = (&shop, &staff, &filter);
                async move { shop.payments().list(staff, filter, &page).await }
            }))
        }
        3 => {
            let order_id = known.once_in(2).then(|| known.order());
            let filter = ShipmentFilter { order_id, ..ShipmentFilter::default() };
            call!("shipments", [staff, filter, paging], |shop| paging.read(|page| {
                let (shop, staff, filter) = (&shop, &staff, &filter);
                async move { shop.shipping().shipments(staff, filter, &page).await }
            }))
        }
        _ => {
            let mut query = OrderQuery { mine: known.once_in(4), ..OrderQuery::default() };
            if known.once_in(3) {
                query.status = known
                    .one_of(&[crate::model::orders::OrderStatus::Placed, crate::model::orders::OrderStatus::Canceled]);
            }
            if known.once_in(4) {
                query.email = Some("Guest@example.com".to_owned());
            }
            if known.once_in(4) {
                query.search = known.one_of(&["guest EXAMPLE", "Ada", "nobody here"]).map(str::to_owned);
            }
            call!("list_orders", [staff, query, paging], |shop| paging.read(|page| {
                let (shop, staff, query) = (&shop, &staff, query.clone());
                async move { shop.orders().list(staff, query, &page).await }
            }))
        }
    }
}

fn of_stock(known: &mut Known) -> (String, Run) {
    let (staff, paging) = (known.staff(), PagingMode::draw(known));
    let variant_id = known.once_in(3).then(|| known.variant());
    let location_id = known.once_in(3).then(|| known.location());
    let order_id = known.once_in(3).then(|| known.order());
    match known.below(4) {
        0 => call!(
            "list_locations",
            [staff, paging],
            |shop| paging.read(|page| {
                let (shop, staff) = (&shop, &staff);
                async move { shop.inventory().list_locations(staff, &page).await }
            }),
            |pages| locations(pages)
        ),
        1 => {
            let filter = StockFilter { variant_id, location_id, low: known.once_in(4), ..StockFilter::default() };
            call!("list_stock", [staff, filter, paging], |shop| paging.read(|page| {
                let (shop, staff, filter) = (&shop, &staff, &filter);
                async move { shop.inventory().list_stock(staff, filter, &page).await }
            }))
        }
        2 => {
            let filter = MovementFilter { variant_id, location_id, order_id, ..MovementFilter::default() };
            call!("list_movements", [staff, filter, paging], |shop| paging.read(|page| {
                let (shop, staff, filter) = (&shop, &staff, &filter);
                async move { shop.inventory().list_movements(staff, filter, &page).await }
            }))
        }
        _ => {
            let live = known.once_in(2).then(|| known.once_in(2));
            let filter = ReservationFilter { variant_id, location_id, order_id, live };
            let sku = known.once_in(4).then(|| known.sku());
            let filter = ReservationQuery { sku, filter };
            call!("list_reservations", [staff, filter, paging], |shop| paging.read(|page| {
                let (shop, staff, filter) = (&shop, &staff, &filter);
                async move { shop.inventory().list_reservations(staff, filter, &page).await }
            }))
        }
    }
}

fn of_users(known: &mut Known) -> (String, Run) {
    let (actor, staff, paging) = (known.buyer(), known.staff(), PagingMode::draw(known));
    match known.below(5) {
        0 => call!("cart", [actor], |shop| shop.carts().get(&actor)),
        1 => {
            let number = known.known(|news| match news {
                News::Shipment(_, number) => number.clone(),
                _ => None,
            });
            let number = number.unwrap_or_else(|| "T0".to_owned());
            call!("tracking", [number], |shop| shop.shipping().tracking(&number))
        }
        2 => call!("list_addresses", [actor, paging], |shop| paging.read(|page| {
            let (shop, actor) = (&shop, &actor);
            async move { shop.shipping().addresses(actor, &page).await }
        })),
        3 => call!("list_zones", [staff, paging], |shop| paging.read(|page| {
            let (shop, staff) = (&shop, &staff);
            async move { shop.shipping().zones(staff, &page).await }
        })),
        _ => {
            let search = known.once_in(2).then(|| known.word().to_owned());
            let filter = UserFilter { search, is_active: None, is_staff: known.once_in(4).then_some(true) };
            call!("list_users", [staff, filter, paging], |shop| paging.read(|page| {
                let (shop, staff, filter) = (&shop, &staff, filter.clone());
                async move { shop.accounts().list(staff, filter, &page).await }
            }))
        }
    }
}

pub(super) fn draw(known: &mut Known) -> (String, Run) {
    match known.below(8) {
        0..=2 => of_catalog(known),
        3 | 4 => of_orders(known),
        5 | 6 => of_stock(known),
        _ => of_users(known),
    }
}
