//! Calls about webhooks and the shop's own details. Deliveries to webhooks are part of the outcome of the call
//! that caused them.

use serde_json::json;

use super::call::{Run, call, input};
use super::known::{Known, News};
use super::reads::PagingMode;
use super::world::BAD_URL;
use crate::details::ShopDetailsInput;
use crate::model::outbox::{Delivery, DeliveryStatus};
use crate::page::Page;
use crate::webhooks::WebhookInput;

fn deliveries(pages: &[Page<Delivery>]) -> Vec<News> {
    pages.iter().flat_map(|page| &page.items).map(|delivery| News::Delivery(delivery.id)).collect()
}

pub(super) fn draw(known: &mut Known) -> (String, Run) {
    let (staff, id, delivery) = (known.staff(), known.webhook(), known.delivery());
    let events = known.one_of(&["*", "order.*", "product.*", "stock.low", "shipment.updated", "nothing"]);
    let url = known.one_of(&["https://one.example/", "https://two.example/", BAD_URL, "http://plain.example/"]);
    let paging = PagingMode::draw(known);
    match known.below(14) {
        0 | 1 => {
            let fields = json!({"url": url, "events": [events], "active": !known.once_in(6)});
            call!(
                "create_webhook",
                [staff, fields],
                |shop| shop.webhooks().create(&staff, input::<WebhookInput>(fields)),
                |revealed| vec![News::Webhook(revealed.webhook.id)]
            )
        }
        2 => {
            let fields = json!({"url": url, "events": [events]});
            call!("replace_webhook", [staff, id, fields], |shop| shop.webhooks().replace(
                &staff,
                id,
                input::<WebhookInput>(fields)
            ))
        }
        3 => {
            let fields = json!({"active": !known.once_in(3)});
            call!("change_webhook", [staff, id, fields], |shop| shop.webhooks().change(
                &staff,
                id,
                input::<WebhookInput>(fields)
            ))
        }
        4 => call!("rotate_secret", [staff, id], |shop| shop.webhooks().rotate_secret(&staff, id)),
        5 if known.once_in(3) => call!("delete_webhook", [staff, id], |shop| shop.webhooks().delete(&staff, id)),
        6 | 7 => {
            call!("redeliver", [staff, id, delivery], |shop| shop.webhooks().redeliver(&staff, id, delivery))
        }
        12 => {
            let name = known.one_of(&["Tea & Co", "", "Other"]);
            let fields = json!({"name": name, "contact_email": "hello@shop.example"});
            call!("change_details", [staff, fields], |shop| shop.details().change(
                &staff,
                input::<ShopDetailsInput>(fields),
                None
            ))
        }
        13 => call!("details", [], |shop| async { shop.details().get().await }),
        8 => call!("list_webhooks", [staff, paging], |shop| paging.read(|page| {
            let (shop, staff) = (&shop, &staff);
            async move { shop.webhooks().list(staff, &page).await }
        })),
        _ => {
            let status = known.one_of(&[None, Some(DeliveryStatus::Done), Some(DeliveryStatus::Pending)]).flatten();
            call!(
                "deliveries",
                [staff, id, status, paging],
                |shop| paging.read(|page| {
                    let (shop, staff) = (&shop, &staff);
                    async move { shop.webhooks().deliveries(staff, id, status, &page).await }
                }),
                |pages| deliveries(pages)
            )
        }
    }
}
