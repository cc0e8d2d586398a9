//! Promotions and their use counters.

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, ReadRows, WriteRows, json_key};
use super::state::{Judged, State, UniqueKey, VersionedRow};
use crate::batch::Conflict;
use crate::id::PromotionId;
use crate::model::promotions::{CountedPromotion, Counter, Promotion, PromotionFilter, PromotionSort, UsesDelta};
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{PromotionsRepository, StoreResult};

json_key!(Counter);

impl VersionedRow for Promotion {
    fn keys(&self) -> Vec<UniqueKey> {
        self.code_key.clone().map(UniqueKey::PromotionCode).into_iter().collect()
    }
}

impl<T: WriteRows> State<'_, T> {
    pub(super) fn count_uses(&mut self, delta: &UsesDelta) -> Judged {
        let after = delta.apply(self.count(&delta.counter)?);
        let after = after.ok_or(Conflict::Uses(delta.counter.promotion()))?;
        Ok(self.uses.put(delta.counter.clone(), after)?)
    }
}

impl<T: ReadRows> State<'_, T> {
    pub(super) fn count(&self, counter: &Counter) -> StoreResult<i64> {
        Ok(self.uses.get(counter)?.unwrap_or_default())
    }

    fn counted(&self, promotion: Promotion) -> StoreResult<CountedPromotion> {
        Ok(CountedPromotion { uses: self.count(&Counter::Promotion(promotion.id))?, promotion })
    }
}

#[async_trait]
impl<E: Engine> PromotionsRepository for TableStore<E> {
    async fn promotion(&self, id: PromotionId) -> StoreResult<Option<CountedPromotion>> {
        self.read(|state| state.promotions.get(&id.0)?.map(|promotion| state.counted(promotion)).transpose())
    }

    async fn list_promotions(
        &self,
        filter: &PromotionFilter,
        request: &PageRequest<PromotionSort>,
    ) -> StoreResult<Page<CountedPromotion>> {
        let wanted = |promotion: &Promotion| {
            (filter.code_key.is_none() || promotion.code_key == filter.code_key)
                && filter.active.is_none_or(|active| promotion.active == active)
        };
        self.read(|state| {
            let promotions = state.promotions.select(wanted)?.into_iter();
            let counted: Vec<_> = promotions.map(|promotion| state.counted(promotion)).collect::<StoreResult<_>>()?;
            Ok(page(counted, request))
        })
    }
}
