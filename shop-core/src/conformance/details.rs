//! The shop's own details.

use crate::batch::{Conflict, Entity, Unique};
use crate::model::details::ShopDetails;

use super::fixtures::{far_away, wild};
use super::generic::{Ends, life};
use super::lab::{CaseResult, Lab, accepted, refused, same};
use super::rows::{insert, next, update};

pub(super) async fn shop_details_live(mut lab: Lab) -> CaseResult {
    let first = lab.details();
    let second = next(&first, |details| {
        details.name = None;
        details.legal_name = Some(wild());
        details.address = Some(format!("{}\n{}", wild(), wild()));
        details.vat_id = Some(wild());
        details.contact_email = Some(wild());
        details.phone = Some(wild());
        details.terms_url = Some(wild());
        details.privacy_url = Some(wild());
        details.returns_url = Some(wild());
        details.updated_at = far_away();
    });
    life(&mut lab, first, second, Ends::Never, async |store| store.shop_details().await).await
}

pub(super) async fn there_is_one_row_of_details(mut lab: Lab) -> CaseResult {
    let first = lab.details();
    let twin = ShopDetails { name: Some("Twin".to_owned()), ..first.clone() };
    accepted(lab.commit([insert(&first)]).await)?;
    refused(lab.commit([insert(&twin)]).await, Conflict::Exists(Unique::Id(Entity::ShopDetails)))?;
    // Together with other rows, in order.
    let (second, user) = (next(&first, |details| details.phone = None), lab.user());
    let third = next(&second, |details| details.name = Some("Third".to_owned()));
    accepted(lab.commit([update(&second), insert(&user), update(&third)]).await)?;
    same(&lab.store.shop_details().await?, &Some(third))
}
