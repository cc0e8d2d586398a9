//! Lists, page by page.

use crate::page::{Cursor, MAX_PAGE_SIZE, PageRequest, Position, SortKey};

/// Walks a list by cursor, in large pages.
pub(super) struct Pages<K> {
    next: Option<PageRequest<K>>,
}

impl<K: SortKey> Pages<K> {
    pub(super) fn new() -> Self {
        let request = PageRequest { size: MAX_PAGE_SIZE, position: Position::Start, ..PageRequest::default() };
        Self { next: Some(request) }
    }

    /// The request of the next page; none after the last.
    pub(super) fn next(&mut self) -> Option<PageRequest<K>> {
        self.next.take()
    }

    /// Goes on after a page.
    pub(super) fn turn(&mut self, next: Option<Cursor>) {
        self.next = next.map(|cursor| PageRequest {
            size: MAX_PAGE_SIZE,
            position: Position::Cursor(cursor),
            ..PageRequest::default()
        });
    }
}
