//! The decisions about shipping zones and methods.

use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::model::shipping::{Method, Zone};
use crate::shipping::input::CheckedMethod;

/// Creates a zone.
pub(in crate::shipping) fn create_zone(
    name: String,
    countries: Vec<String>,
    context: &mut DecisionContext,
) -> Decision<Zone> {
    let mut batch = Batch::new(context);
    let zone = Zone { id: context.id(), name, countries, created_at: context.now(), version: 1 };
    batch.write(Change::Insert(zone.clone()));
    Decision { batch, reply: zone }
}

/// Changes a zone.
pub(in crate::shipping) fn update_zone(
    before: &Zone,
    name: String,
    countries: Vec<String>,
    context: &mut DecisionContext,
) -> Decision<Zone> {
    let zone = Zone { name, countries, version: before.version + 1, ..before.clone() };
    let mut batch = Batch::new(context);
    batch.write(Change::Update(zone.clone()));
    Decision { batch, reply: zone }
}

/// Deletes a zone. The store refuses this while methods use it.
pub(in crate::shipping) fn delete_zone(before: &Zone, context: &mut DecisionContext) -> Decision<()> {
    let mut batch = Batch::new(context);
    batch.delete(before);
    Decision { batch, reply: () }
}

/// Creates a method.
pub(in crate::shipping) fn create_method(input: CheckedMethod, context: &mut DecisionContext) -> Decision<Method> {
    let mut batch = Batch::new(context);
    let method = Method {
        id: context.id(),
        name: input.name,
        zone_id: input.zone_id,
        carrier: input.carrier,
        currency: input.currency,
        rate: input.rate,
        free_over: input.free_over,
        min_days: input.min_days,
        max_days: input.max_days,
        active: input.active,
        created_at: context.now(),
        version: 1,
    };
    batch.write(Change::Insert(method.clone()));
    Decision { batch, reply: method }
}

/// Changes a method. Orders keep the name and price that they were placed with.
pub(in crate::shipping) fn update_method(
    before: &Method,
    input: CheckedMethod,
    context: &mut DecisionContext,
) -> Decision<Method> {
    let Decision { reply, .. } = create_method(input, context);
    let method = Method { id: before.id, created_at: before.created_at, version: before.version + 1, ..reply };
    let mut batch = Batch::new(context);
    batch.write(Change::Update(method.clone()));
    Decision { batch, reply: method }
}

/// Deletes a method. Orders have copies of the data that they need.
pub(in crate::shipping) fn delete_method(before: &Method, context: &mut DecisionContext) -> Decision<()> {
    let mut batch = Batch::new(context);
    batch.delete(before);
    Decision { batch, reply: () }
}
