use serde_json::{Value, json};

use super::*;
use crate::batch::{Precondition, RowWrite, Versioned as _, Write};
use crate::cart::operations::fixtures::{contents, context};
use crate::model::catalog::ProductStatus;
use crate::orders::operations::place::tests::placement;
use crate::orders::{DraftInput, DraftView};

fn input(json: Value, whole: bool) -> CheckedDraft {
    serde_json::from_value::<DraftInput>(json).unwrap().check(whole, Currency::USD).unwrap()
}

fn draft(items: &Value, contents: &CartContents) -> Result<Draft> {
    let input = input(json!({"email": "grace@example.com", "items": items, "note": "By phone"}), true);
    create_draft(input, Currency::USD, contents, &mut context()).map(|made| made.reply)
}

fn refused(result: Result<Draft>) -> Vec<String> {
    let Err(Error::Invalid(invalid)) = result else { panic!("it must be refused, was {result:?}") };
    invalid.fields.into_keys().collect()
}

#[test]
fn lines_are_on_sale_and_of_one_variant_each() {
    let mut contents = contents(&[(1000, 5), (250, 0), (100, 5)]);
    contents.products[2].status = ProductStatus::Archived;
    let id = contents.products[0].variants[0].id;
    let items = json!([{"sku": "SKU-0"}, {"variant_id": id}, {"sku": "SKU-2"}, {"sku": "?"}, {"sku": "SKU-1"}]);
    assert_eq!(refused(draft(&items, &contents)), ["items.1.variant_id", "items.2.sku", "items.3.sku"]);
    let dear = json!([{"sku": "SKU-0", "quantity": 2, "unit_price": "9999999999999", "reason": "?"}]);
    assert_eq!(refused(draft(&dear, &contents)), ["items"]);
    // Sold-out variants can be drafted.
    let made = draft(&json!([{"sku": "SKU-1", "quantity": 7}]), &contents).unwrap();
    assert_eq!((made.items[0].quantity, made.version), (7, 1));
}

#[test]
fn what_is_not_mentioned_stays() {
    let contents = contents(&[(1000, 5)]);
    let before = draft(&json!([{"sku": "SKU-0"}]), &contents).unwrap();
    let change = |json| change_draft(&before, input(json, false), &contents, &mut context()).unwrap();
    assert!(change(json!({})).batch.is_empty());
    assert!(change(json!({"note": "By phone"})).batch.is_empty());
    let noted = change(json!({"note": "Gift"}));
    assert_eq!((noted.reply.note.as_str(), noted.reply.version), ("Gift", 2));
    assert_eq!((&noted.reply.items, &noted.reply.email), (&before.items, &before.email));
    let customer = context().id::<crate::id::UserId>();
    let theirs = change(json!({"customer_id": customer})).reply;
    assert_eq!((theirs.customer_id, theirs.email), (Some(customer), None));
    assert!(change(json!({"items": []})).reply.items.is_empty());
}

#[test]
fn a_view_shows_both_prices() {
    let contents = contents(&[(1000, 5), (250, 5)]);
    let items = json!([{"sku": "SKU-0", "quantity": 3, "unit_price": "8", "reason": "Dent"}, {"sku": "SKU-1"}]);
    let view = DraftView::new(draft(&items, &contents).unwrap(), &contents);
    let prices: Vec<_> = view.items.iter().map(|item| (item.unit_price.0, item.list_price.0)).collect();
    assert_eq!((prices, view.subtotal), (vec![(800, 1000), (250, 250)], Amount(2650)));
    assert_eq!((view.items[0].reason.as_deref(), &view.items[1].reason), (Some("Dent"), &None));
}

#[test]
fn a_draft_is_placed_as_a_cart_at_its_prices_and_goes() {
    let made = |items| {
        let template = placement(&[(1999, 5, 1), (500, 5, 1)], 450);
        (draft(items, &template.contents).unwrap(), template)
    };
    let items = json!([{"sku": "SKU-0", "quantity": 2, "unit_price": "15.00", "reason": "Dent"}, {"sku": "SKU-1"}]);
    let (draft, template) = made(&items);
    let contents = template.contents.clone();
    let mut context = context();
    let cart = cart_of(&draft, &mut context);
    let placing = Placement { cart, contents: priced(&draft, contents.clone()), role: "staff", ..template };
    let Decision { batch, reply } = place_draft(&draft, &contents, placing, &mut context).unwrap();
    let order = &reply.order;
    assert_eq!((order.cart_id, order.subtotal, order.total), (draft.cart_id(), Amount(3500), Amount(3950)));
    assert_eq!(order.items.iter().map(|item| item.unit_price.0).collect::<Vec<_>>(), [1500, 500]);
    let cart = batch.writes.iter().find_map(|write| match write {
        Write::Row(RowWrite::Cart(Change::Insert(cart))) => Some((cart.id, cart.status, cart.version)),
        _ => None,
    });
    assert_eq!(cart, Some((draft.cart_id(), CartStatus::Ordered, 1)));
    let deleted = RowWrite::Draft(Change::Delete { id: draft.id.0, version: 1 });
    assert!(batch.writes.contains(&Write::Row(deleted)));
    let entry = |write: &Write| match write {
        Write::Orders(crate::batch::OrdersWrite::History(entry)) => Some((entry.event.clone(), entry.detail.clone())),
        _ => None,
    };
    let told: Vec<_> = batch.writes.iter().filter_map(entry).skip(1).collect();
    let detail = "SKU-0 costs 15.00 instead of 19.99 USD: Dent";
    assert_eq!(told, [("price_overridden".to_owned(), detail.to_owned())]);
    // The order ignores the catalog price, but the product must not have changed.
    let product = &contents.products[0];
    assert!(batch.preconditions.contains(&Precondition::Version(
        crate::batch::Entity::Product,
        product.key(),
        product.version
    )));

    let (empty, template) = made(&json!([]));
    let placing = Placement { cart: cart_of(&empty, &mut context), ..template };
    assert!(matches!(place_draft(&empty, &contents, placing, &mut context), Err(Error::CartEmpty)));
}

#[test]
fn a_version_that_is_expected_must_be_there() {
    let contents = contents(&[(1000, 5)]);
    let draft = draft(&json!([]), &contents).unwrap();
    assert!(expected_draft(Some(draft.clone()), None).is_ok());
    assert!(expected_draft(Some(draft.clone()), Some(1)).is_ok());
    assert!(matches!(expected_draft(Some(draft), Some(2)), Err(Error::VersionMismatch)));
    assert!(matches!(expected_draft(None, Some(2)), Err(Error::NotFound)));
}
