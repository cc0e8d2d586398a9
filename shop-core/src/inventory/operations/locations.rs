//! Locations; exactly one is the default.

use crate::batch::{Batch, Change};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::LocationId;
use crate::model::inventory::Location;
use crate::validate::slugify;

/// The most locations of one shop. Limited because every read of stock goes through all of them.
pub(crate) const MAX_LOCATIONS: usize = 200;

/// The validated fields of a location; `None` keeps the current value.
#[derive(Debug, Clone, Default)]
#[expect(clippy::option_option, reason = "to keep a country and to clear it are two things")]
pub(crate) struct ChangedLocation {
    /// Display name for staff.
    pub(crate) name: Option<String>,
    /// Short unique name.
    pub(crate) code: Option<String>,
    /// ISO 3166-1 alpha-2 country code; `Some(None)` clears it.
    pub(crate) country: Option<Option<String>>,
    /// Orders are served from the location with the smallest number first.
    pub(crate) priority: Option<i64>,
    /// Whether it becomes the default location.
    pub(crate) is_default: Option<bool>,
}

/// Creates a location; `all` are the existing ones.
pub(crate) fn create_location(
    batch: &mut Batch,
    context: &mut DecisionContext,
    all: &[Location],
    fields: &ChangedLocation,
) -> Result<Location> {
    if all.len() >= MAX_LOCATIONS {
        return Err(Error::transition(format!("A shop has at most {MAX_LOCATIONS} locations.")));
    }
    let name = fields.name.clone().unwrap_or_default();
    let code = match &fields.code {
        Some(code) => free_code(all, code, None)?,
        None => derived_code(all, &name),
    };
    let location = Location {
        id: context.id(),
        name,
        code,
        country: fields.country.clone().flatten(),
        priority: fields.priority.unwrap_or_default(),
        is_default: fields.is_default.unwrap_or_default(),
        created_at: context.now(),
        version: 1,
    };
    if location.is_default {
        clear_default(batch, all, location.id);
    }
    batch.write(Change::Insert(location.clone()));
    Ok(location)
}

/// Changes a location; `all` are the existing ones.
pub(crate) fn change_location(
    batch: &mut Batch,
    all: &[Location],
    id: LocationId,
    fields: &ChangedLocation,
) -> Result<Location> {
    let before = find(all, id)?;
    let mut after = before.clone();
    if let Some(name) = &fields.name {
        after.name.clone_from(name);
    }
    if let Some(code) = &fields.code {
        after.code = free_code(all, code, Some(id))?;
    }
    if let Some(country) = &fields.country {
        after.country.clone_from(country);
    }
    if let Some(priority) = fields.priority {
        after.priority = priority;
    }
    if let Some(is_default) = fields.is_default {
        after.is_default = is_default;
    }
    if before.is_default && !after.is_default {
        return Err(Error::transition("A shop needs a default location: make another one the default instead."));
    }
    if after == *before {
        return Ok(after);
    }
    if after.is_default && !before.is_default {
        clear_default(batch, all, id);
    }
    after.version += 1;
    batch.write(Change::Update(after.clone()));
    Ok(after)
}

/// Deletes a location. `stocked`: units are on hand or reserved there.
pub(crate) fn delete_location(batch: &mut Batch, all: &[Location], id: LocationId, stocked: bool) -> Result<()> {
    let location = find(all, id)?;
    if location.is_default {
        return Err(Error::InUse {
            detail: "This is the default location; make another one the default first.".into(),
        });
    }
    if stocked {
        return Err(Error::InUse { detail: "This location holds stock; move it elsewhere first.".into() });
    }
    batch.delete(location);
    Ok(())
}

fn find(all: &[Location], id: LocationId) -> Result<&Location> {
    all.iter().find(|location| location.id == id).ok_or(Error::NotFound)
}

fn clear_default(batch: &mut Batch, all: &[Location], keep: LocationId) {
    for other in all.iter().filter(|other| other.is_default && other.id != keep) {
        let cleared = Location { is_default: false, version: other.version + 1, ..other.clone() };
        batch.write(Change::Update(cleared));
    }
}

fn is_taken(all: &[Location], code: &str, by_other_than: Option<LocationId>) -> bool {
    all.iter().any(|location| location.code == code && Some(location.id) != by_other_than)
}

fn free_code(all: &[Location], code: &str, id: Option<LocationId>) -> Result<String> {
    if is_taken(all, code, id) { Err(Error::AlreadyExists { field: "code" }) } else { Ok(code.to_owned()) }
}

fn derived_code(all: &[Location], name: &str) -> String {
    let mut base = slugify(name, "location");
    // Leaves room for a numeric suffix.
    base.truncate(80);
    let base = base.trim_end_matches('-');
    // There are at most `MAX_LOCATIONS` codes, so one of these is free.
    let numbered = (2..=MAX_LOCATIONS + 2).map(|number| format!("{base}-{number}"));
    std::iter::once(base.to_owned()).chain(numbered).find(|code| !is_taken(all, code, None)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RowWrite;
    use crate::batch::Write;
    use crate::inventory::operations::fixtures::context;

    fn named(name: &str) -> ChangedLocation {
        ChangedLocation { name: Some(name.to_owned()), ..ChangedLocation::default() }
    }

    /// Applies what a decision wrote.
    fn apply(all: &mut Vec<Location>, batch: &Batch) {
        for write in &batch.writes {
            match write {
                Write::Row(RowWrite::Location(Change::Insert(location))) => all.push(location.clone()),
                Write::Row(RowWrite::Location(Change::Update(location))) => {
                    let stored = all.iter_mut().find(|stored| stored.id == location.id).unwrap();
                    assert_eq!(stored.version + 1, location.version);
                    *stored = location.clone();
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn created(all: &mut Vec<Location>, fields: &ChangedLocation) -> Result<Location> {
        let mut context = context();
        for _ in 0..all.len() {
            context.id::<LocationId>();
        }
        let mut batch = Batch::new(&mut context);
        let location = create_location(&mut batch, &mut context, all, fields)?;
        apply(all, &batch);
        Ok(location)
    }

    #[test]
    fn exactly_one_is_the_default() {
        let mut all = Vec::new();
        let default = ChangedLocation { is_default: Some(true), ..named("Main") };
        let first = created(&mut all, &default).unwrap();
        let second = created(&mut all, &default).unwrap();
        assert_eq!(all.iter().filter(|location| location.is_default).map(|it| it.id).collect::<Vec<_>>(), [second.id]);

        let mut batch = Batch::new(&mut context());
        change_location(&mut batch, &all, first.id, &default).unwrap();
        apply(&mut all, &batch);
        assert_eq!(all.iter().filter(|location| location.is_default).map(|it| it.id).collect::<Vec<_>>(), [first.id]);

        let mut batch = Batch::new(&mut context());
        let not_default = ChangedLocation { is_default: Some(false), ..ChangedLocation::default() };
        let refused = change_location(&mut batch, &all, first.id, &not_default);
        assert!(matches!(refused, Err(Error::InvalidTransition { .. })));
        assert!(matches!(delete_location(&mut batch, &all, first.id, false), Err(Error::InUse { .. })));
        assert!(matches!(delete_location(&mut batch, &all, second.id, true), Err(Error::InUse { .. })));
        assert!(batch.is_empty());
        delete_location(&mut batch, &all, second.id, false).unwrap();
        assert_eq!(batch.writes.len(), 1);
    }

    #[test]
    fn codes_are_derived_and_unique() {
        let mut all = Vec::new();
        assert_eq!(created(&mut all, &named("Lager Köln")).unwrap().code, "lager-koln");
        assert_eq!(created(&mut all, &named("Lager Köln")).unwrap().code, "lager-koln-2");
        assert_eq!(created(&mut all, &named("倉庫")).unwrap().code, "location");
        let taken = ChangedLocation { code: Some("location".to_owned()), ..named("x") };
        assert!(matches!(created(&mut all, &taken), Err(Error::AlreadyExists { field: "code" })));
        let mut batch = Batch::new(&mut context());
        let own = all[2].clone();
        assert_eq!(change_location(&mut batch, &all, own.id, &taken).unwrap().name, "x");
        let same = ChangedLocation { priority: Some(own.priority), ..ChangedLocation::default() };
        let mut batch = Batch::new(&mut context());
        assert_eq!(change_location(&mut batch, &all, own.id, &same).unwrap(), own);
        assert!(batch.is_empty(), "what changes nothing is not written");
    }
}
