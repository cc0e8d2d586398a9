//! The decisions about address books: at most one entry is the default.

use crate::batch::{Batch, Change, Decision, Precondition};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::model::shipping::{Address, MAX_ADDRESSES, SavedAddress};

/// The state of an address book that a decision uses.
#[derive(Debug, Clone, Default)]
pub(in crate::shipping) struct AddressBook {
    /// The number of entries.
    pub(in crate::shipping) count: u64,
    /// The default entry.
    pub(in crate::shipping) default: Option<SavedAddress>,
}

/// Adds an entry. It becomes the default on request, or if the book has no default: in particular, the first entry.
///
/// # Errors
/// [`Error::Invalid`] naming `address` when the book is full.
pub(in crate::shipping) fn create_address(
    user_id: UserId,
    address: Address,
    is_default: Option<bool>,
    book: &AddressBook,
    context: &mut DecisionContext,
) -> Result<Decision<SavedAddress>> {
    if book.count >= u64::from(MAX_ADDRESSES) {
        return Err(Error::invalid("address", format!("An address book holds at most {MAX_ADDRESSES} addresses.")));
    }
    let default = book.default.as_ref();
    let mut batch = Batch::new(context);
    batch.require(Precondition::AddressesBelow(user_id, MAX_ADDRESSES));
    let is_default = is_default == Some(true) || default.is_none();
    if is_default {
        clear_default(default, context, &mut batch);
    }
    let saved = SavedAddress {
        id: context.id(),
        user_id,
        address,
        is_default,
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    };
    batch.write(Change::Insert(saved.clone()));
    Ok(Decision { batch, reply: saved })
}

/// Changes an entry. Whether it is the default only changes on request.
pub(in crate::shipping) fn update_address(
    before: &SavedAddress,
    address: Address,
    is_default: Option<bool>,
    default: Option<&SavedAddress>,
    context: &mut DecisionContext,
) -> Decision<SavedAddress> {
    let is_default = is_default.unwrap_or(before.is_default);
    if address == before.address && is_default == before.is_default {
        return Decision::unchanged(context, before.clone());
    }
    let mut batch = Batch::new(context);
    if is_default && !before.is_default {
        clear_default(default, context, &mut batch);
    }
    let updated_at = context.now();
    let saved = SavedAddress { address, is_default, updated_at, version: before.version + 1, ..before.clone() };
    batch.write(Change::Update(saved.clone()));
    Decision { batch, reply: saved }
}

/// Deletes an entry; no other entry becomes the default.
pub(in crate::shipping) fn delete_address(before: &SavedAddress, context: &mut DecisionContext) -> Decision<()> {
    let mut batch = Batch::new(context);
    batch.delete(before);
    Decision { batch, reply: () }
}

/// Written before the new default, so that a store that checks each write on its own never sees two.
fn clear_default(default: Option<&SavedAddress>, context: &DecisionContext, batch: &mut Batch) {
    if let Some(old) = default {
        let cleared =
            SavedAddress { is_default: false, updated_at: context.now(), version: old.version + 1, ..old.clone() };
        batch.write(Change::Update(cleared));
    }
}
