//! Requirements for every kind of row and every list.

use crate::batch::{Conflict, Precondition, Unique};
use crate::page::{Cursor, Page, PageRequest, Position, Sort, SortKey, Sortable};
use crate::store::{Store, StoreResult};

use super::lab::{CaseFailure, CaseResult, Lab, accepted, check, faulted, refused, same};
use super::rows::{WritableRow, delete, insert, next, update};

/// Whether rows of a kind may be deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Deleted,
    Never,
}

/// Checks the life of a versioned row: missing, new, changed, deleted, and every guard on the way. `first` is not in
/// the store; `second` is its next version.
pub(super) async fn life<T>(
    lab: &mut Lab,
    first: T,
    second: T,
    ends: Ends,
    read: impl AsyncFn(&dyn Store) -> StoreResult<Option<T>>,
) -> CaseResult
where
    T: WritableRow + PartialEq + std::fmt::Debug,
{
    let (entity, id) = (T::ENTITY, first.key());
    let stale = Conflict::Stale(entity, id);
    let store = std::sync::Arc::clone(&lab.store);
    let stored = async || read(store.as_ref()).await.map_err(CaseFailure::from);

    same(&stored().await?, &None)?;
    refused(lab.commit([update(&second)]).await, stale)?;
    refused(lab.commit([delete(&first)]).await, stale).or_else(|stale| match ends {
        Ends::Deleted => Err(stale),
        Ends::Never => Ok(()),
    })?;
    refused(require(lab, &first).await, stale)?;
    same(&stored().await?, &None)?;

    accepted(lab.commit([insert(&first)]).await)?;
    same(&stored().await?, &Some(first.clone()))?;
    refused(lab.commit([insert(&first)]).await, Conflict::Exists(Unique::Id(entity)))?;
    accepted(require(lab, &first).await)?;
    refused(require(lab, &second).await, stale)?;
    // The same version again, and one too high.
    let mut wrong = second.clone();
    *wrong.version_mut() = first.version();
    refused(lab.commit([update(&wrong)]).await, stale)?;
    refused(lab.commit([update(&next(&second, |_| ()))]).await, stale)?;
    same(&stored().await?, &Some(first.clone()))?;

    accepted(lab.commit([update(&second)]).await)?;
    same(&stored().await?, &Some(second.clone()))?;
    refused(lab.commit([update(&second)]).await, stale)?;
    refused(require(lab, &first).await, stale)?;
    accepted(require(lab, &second).await)?;

    match ends {
        Ends::Never => {
            faulted(lab.commit([delete(&second)]).await)?;
            same(&stored().await?, &Some(second))
        }
        Ends::Deleted => {
            refused(lab.commit([delete(&first)]).await, stale)?;
            same(&stored().await?, &Some(second.clone()))?;
            accepted(lab.commit([delete(&second)]).await)?;
            same(&stored().await?, &None)?;
            refused(lab.commit([delete(&second)]).await, stale)?;
            refused(require(lab, &second).await, stale)
        }
    }
}

/// Requires the row at its version, together with a write that cannot fail.
async fn require<T: WritableRow>(lab: &mut Lab, row: &T) -> Result<(), crate::store::CommitError> {
    let harmless = lab.idempotency_record();
    lab.commit_if([Precondition::Version(T::ENTITY, row.key(), row.version())], [harmless.into()]).await
}

/// Every order of a list by one or two keys, in every direction.
fn orders<K: SortKey>() -> Vec<Vec<Sort<K>>> {
    let keys = || K::all().iter().flat_map(|key| [false, true].map(|descending| Sort { key: *key, descending }));
    let singles = keys().map(|sort| vec![sort]);
    let pairs = keys()
        .flat_map(|first| keys().filter(move |second| second.key != first.key).map(move |second| vec![first, second]));
    std::iter::once(K::default_order()).chain(singles).chain(pairs).collect()
}

/// Walks the whole list by number and by cursor, forwards and backwards, in every order and with several page sizes.
/// `rows` are all its rows, in any order.
pub(super) async fn check_list<T>(
    rows: &[T],
    fetch: impl AsyncFn(&PageRequest<T::Key>) -> StoreResult<Page<T>>,
) -> CaseResult
where
    T: Sortable + Clone + PartialEq + std::fmt::Debug,
{
    for order in orders::<T::Key>() {
        for size in [1, 2, 3, 100] {
            let request = PageRequest { order: order.clone(), size, position: Position::Start };
            let mut wanted = rows.to_vec();
            wanted.sort_by(|left, right| {
                let (left_keys, right_keys) = (request.keys_of(left), request.keys_of(right));
                request.compare((&left_keys, left.tie_breaker()), (&right_keys, right.tie_breaker()))
            });
            let context = |failure: CaseFailure| {
                CaseFailure::new(format!("{failure}\n  ordered by {:?}, {size} to a page", request.order_text()))
            };
            by_number(&wanted, &request, &fetch).await.map_err(context)?;
            by_cursor(&wanted, &request, &fetch).await.map_err(context)?;
        }
    }
    Ok(())
}

async fn by_number<T>(
    wanted: &[T],
    request: &PageRequest<T::Key>,
    fetch: &impl AsyncFn(&PageRequest<T::Key>) -> StoreResult<Page<T>>,
) -> CaseResult
where
    T: Sortable + Clone + PartialEq + std::fmt::Debug,
{
    let mut chunks: Vec<&[T]> = wanted.chunks(request.size as usize).collect();
    // The page after the last is empty, and still has the count.
    chunks.push(&[]);
    for (chunk, number) in chunks.into_iter().zip(1..) {
        let page = fetch(&PageRequest { position: Position::Number(number), ..request.clone() }).await?;
        same_items(&page, chunk)?;
        same(&page.total, &Some(wanted.len() as u64))?;
        check(page.next.is_none() && page.previous.is_none(), "a page by number has no cursors")?;
    }
    Ok(())
}

async fn by_cursor<T>(
    wanted: &[T],
    request: &PageRequest<T::Key>,
    fetch: &impl AsyncFn(&PageRequest<T::Key>) -> StoreResult<Page<T>>,
) -> CaseResult
where
    T: Sortable + Clone + PartialEq + std::fmt::Debug,
{
    let size = request.size as usize;
    let at = |cursor: &Cursor| -> CaseResult<PageRequest<T::Key>> {
        // As a client sends it back.
        let cursor = Cursor::decode(&cursor.encode()).map_err(CaseFailure::new)?;
        Ok(PageRequest { position: Position::Cursor(cursor), ..request.clone() })
    };
    let mut start = 0;
    let mut page = fetch(request).await?;
    loop {
        let end = (start + size).min(wanted.len());
        same_items(&page, wanted.get(start..end).unwrap_or_default())?;
        check(page.total.is_none(), "a page by cursor counts nothing")?;
        same(&page.previous.is_some(), &(start > 0))?;
        same(&page.next.is_some(), &(end < wanted.len()))?;
        let Some(next) = &page.next else { break };
        page = fetch(&at(next)?).await?;
        start = end;
    }
    while let Some(previous) = &page.previous {
        page = fetch(&at(previous)?).await?;
        let end = start;
        start = start.saturating_sub(size);
        same_items(&page, wanted.get(start..end).unwrap_or_default())?;
        check(page.next.is_some(), "a page that was reached from behind links to the next")?;
        same(&page.previous.is_some(), &(start > 0))?;
    }
    same(&start, &0)
}

fn same_items<T: Sortable + PartialEq + std::fmt::Debug>(page: &Page<T>, wanted: &[T]) -> CaseResult {
    let ids = |rows: &[T]| rows.iter().map(Sortable::tie_breaker).collect::<Vec<_>>();
    same(&ids(&page.items), &ids(wanted))?;
    same(&page.items.as_slice(), &wanted)
}

/// Checks that the whole list under a filter contains exactly these rows (in any order).
pub(super) async fn same_set<T>(
    fetch: impl Future<Output = StoreResult<Page<T>>>,
    wanted: &[&T],
    what: impl std::fmt::Debug,
) -> CaseResult
where
    T: Sortable + Clone + PartialEq + std::fmt::Debug,
{
    let page = fetch.await?;
    let sorted = |mut ids: Vec<uuid::Uuid>| {
        ids.sort_unstable();
        ids
    };
    let got = sorted(page.items.iter().map(Sortable::tie_breaker).collect());
    let ids = sorted(wanted.iter().map(|row| row.tie_breaker()).collect());
    check(got == ids, format_args!("{what:?}: wanted {ids:?}\n  got    {got:?}"))?;
    same(&page.total, &Some(wanted.len() as u64))
}

/// A request for everything at once, in the list's default order.
pub(super) fn everything<K: SortKey>() -> PageRequest<K> {
    PageRequest { size: crate::page::MAX_PAGE_SIZE, ..PageRequest::default() }
}
