//! Pages of lists that change between reads. (The tests of each domain check that its lists are paged correctly.)

use crate::model::catalog::{Category, CategorySort, FoundProduct, ProductFilter};
use crate::page::{Cursor, Page, PageRequest, Position, Sort, SortValue};

use super::generic::check_list;
use super::lab::{CaseFailure, CaseResult, Lab, accepted, check, same};
use super::rows::{delete, insert, next, update};

fn by_name(position: Position) -> PageRequest<CategorySort> {
    PageRequest { order: vec![Sort { key: CategorySort::Name, descending: false }], size: 2, position }
}

async fn page(lab: &Lab, position: Position) -> CaseResult<Page<Category>> {
    Ok(lab.store.list_categories(&by_name(position)).await?)
}

fn names(page: &Page<Category>) -> Vec<&str> {
    page.items.iter().map(|category| category.name.as_str()).collect()
}

fn cursor(cursor: Option<&Cursor>) -> CaseResult<Position> {
    cursor.cloned().map(Position::Cursor).ok_or_else(|| CaseFailure::new("a cursor is missing"))
}

pub(super) async fn an_empty_list_has_one_empty_page(lab: Lab) -> CaseResult {
    check_list(&[], async |request| lab.store.list_categories(request).await).await?;
    let filter = ProductFilter::default();
    check_list(&[], async |request| {
        Ok(lab.store.list_products(&filter, request).await?.map(|product| FoundProduct { rank: 0, product }))
    })
    .await?;
    let far = page(&lab, Position::Number(crate::page::MAX_PAGE_NUMBER)).await?;
    same(&(far.items, far.total), &(vec![], Some(0)))
}

pub(super) async fn a_cursor_stands_between_results(mut lab: Lab) -> CaseResult {
    let categories: Vec<_> = ["b", "d", "f", "h", "j"].map(|name| lab.category(name, None)).into();
    accepted(lab.commit(categories.iter().map(insert)).await)?;
    let [_, second_row, third_row, ..] = categories.as_slice() else { return Ok(()) };
    let first = page(&lab, Position::Start).await?;
    same(&names(&first), &vec!["b", "d"])?;

    // New rows before and after the position: no row appears twice or is left out.
    let (earlier, between) = (lab.category("a", None), lab.category("e", None));
    accepted(lab.commit([insert(&earlier), insert(&between)]).await)?;
    let second = page(&lab, cursor(first.next.as_ref())?).await?;
    same(&names(&second), &vec!["e", "f"])?;
    let back = page(&lab, cursor(second.previous.as_ref())?).await?;
    same(&names(&back), &vec!["b", "d"])?;
    check(back.previous.is_some(), "there is something before")?;
    let start = page(&lab, cursor(back.previous.as_ref())?).await?;
    same(&names(&start), &vec!["a"])?;
    same(&start.previous, &None)?;

    // The row next to the position is deleted or moves away; the position stays.
    accepted(lab.commit([delete(second_row)]).await)?;
    same(&names(&page(&lab, cursor(first.next.as_ref())?).await?), &vec!["e", "f"])?;
    let moved = next(third_row, |category| category.name = "0".into());
    accepted(lab.commit([update(&moved)]).await)?;
    same(&names(&page(&lab, cursor(second.next.as_ref())?).await?), &vec!["h", "j"])?;
    same(&names(&page(&lab, cursor(second.previous.as_ref())?).await?), &vec!["a", "b"])
}

pub(super) async fn nothing_lies_beyond_the_end(mut lab: Lab) -> CaseResult {
    let categories: Vec<_> = ["a", "b", "c"].map(|name| lab.category(name, None)).into();
    accepted(lab.commit(categories.iter().map(insert)).await)?;
    let first = page(&lab, Position::Start).await?;
    let [.., last] = categories.as_slice() else { return Ok(()) };
    accepted(lab.commit([delete(last)]).await)?;
    let beyond = page(&lab, cursor(first.next.as_ref())?).await?;
    same(&(beyond.items, beyond.total, beyond.next, beyond.previous), &(vec![], None, None, None))
}

/// A client can forge a cursor: whatever it contains, the result is a page and not an error.
pub(super) async fn a_made_up_cursor_does_no_harm(mut lab: Lab) -> CaseResult {
    let category = lab.category("a", None);
    accepted(lab.commit([insert(&category)]).await)?;
    let order = by_name(Position::Start).order_text();
    for key in [
        SortValue::Text("\"; drop table categories; --".to_owned()),
        SortValue::Text("\u{10ffff}".repeat(500)),
        SortValue::Number(i64::MIN),
        SortValue::Number(i64::MAX),
    ] {
        for backward in [false, true] {
            let cursor = Cursor { keys: vec![key.clone()], id: lab.id(), backward, order: order.clone() };
            page(&lab, Position::Cursor(cursor)).await?;
        }
    }
    same(&lab.store.category(category.id).await?, &Some(category))
}
