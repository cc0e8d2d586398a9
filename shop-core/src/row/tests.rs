use super::*;
use crate::batch::{Entity, Versioned};
use crate::idempotency::IdempotencyRecord;
use crate::model::accounts::{Otp, Session, User};
use crate::model::cart::Cart;
use crate::model::catalog::{Category, PricePeriod, Product, Variant};
use crate::model::details::ShopDetails;
use crate::model::inventory::{Location, Movement, Reservation, StockLevel};
use crate::model::orders::{Draft, HistoryEntry, Order, OrderItem, Return};
use crate::model::outbox::{Delivery, Event};
use crate::model::payments::{GatewayOperation, Payment, PaymentState, PendingCall, Refund};
use crate::model::promotions::Promotion;
use crate::model::shipping::{Method, SavedAddress, Shipment, Zone};
use crate::model::taxes::TaxRate;
use crate::model::webhooks::Webhook;
use crate::string_enum::StringEnum as _;

const TABLES: [Table; 29] = [
    User::TABLE,
    Session::TABLE,
    Otp::TABLE,
    Category::TABLE,
    Product::TABLE,
    Variant::TABLE,
    PricePeriod::TABLE,
    Promotion::TABLE,
    TaxRate::TABLE,
    Cart::TABLE,
    Order::TABLE,
    OrderItem::TABLE,
    HistoryEntry::TABLE,
    Draft::TABLE,
    Return::TABLE,
    Payment::TABLE,
    Refund::TABLE,
    SavedAddress::TABLE,
    Zone::TABLE,
    Method::TABLE,
    Shipment::TABLE,
    Location::TABLE,
    StockLevel::TABLE,
    Movement::TABLE,
    Reservation::TABLE,
    Event::TABLE,
    Delivery::TABLE,
    Webhook::TABLE,
    ShopDetails::TABLE,
];

#[test]
fn a_declaration_names_columns_that_are_there() {
    for table in TABLES.iter().chain([&IdempotencyRecord::TABLE]) {
        let names: Vec<_> = table.written().map(|column| column.name).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len(), "{}: a column twice", table.name);
        for unique in table.uniques {
            let when = unique.when.map(|when| when.column);
            for column in unique.columns.iter().chain(&when) {
                assert!(names.contains(column), "{}: no column {column}", table.name);
            }
        }
    }
}

#[test]
fn the_columns_of_a_key_come_first() {
    for table in TABLES.iter().chain([&IdempotencyRecord::TABLE]) {
        let of_parent: Vec<_> = table.parent.iter().flat_map(|parent| parent.columns()).collect();
        let own = table.key.iter().copied().filter(|name| of_parent.iter().all(|column| column.name != *name));
        let own: Vec<_> = own.collect();
        let first: Vec<_> = table.columns.iter().map(|column| column.name).take(own.len()).collect();
        assert_eq!(first, own, "{}", table.name);
    }
}

#[test]
fn a_key_has_the_name_of_its_entity_unless_another_is_declared() {
    assert_eq!(Order::TABLE.key_name, Unique::Id(Entity::Order));
    assert_eq!(Event::TABLE.key_name, Unique::Id(Entity::Event));
    assert_eq!(StockLevel::TABLE.key_name, Unique::StockLevel);
    assert_eq!(IdempotencyRecord::TABLE.key_name, Unique::IdempotencyRecord);
    assert_eq!(Movement::TABLE.key_name, Unique::OtherId);
}

#[test]
fn a_live_payment_is_one_that_is_not_over() {
    let [unique] = Payment::TABLE.uniques else { panic!("one unique key") };
    let live = PaymentState::ALL.iter().filter(|state| state.is_live()).map(|state| state.as_str());
    assert_eq!(unique.when.unwrap().words, live.collect::<Vec<_>>());
}

/// Keeps everything that is written, to be read back.
#[derive(Default)]
struct Kept {
    values: std::collections::VecDeque<Value<'static>>,
    json: std::collections::VecDeque<serde_json::Value>,
}

fn kind_of(value: &Value<'_>) -> Option<ColumnKind> {
    Some(match value {
        Value::Null => return None,
        Value::Id(_) => ColumnKind::Id,
        Value::Int(_) => ColumnKind::Int,
        Value::Text(_) => ColumnKind::Text,
        Value::Flag(_) => ColumnKind::Flag,
        Value::Time(_) => ColumnKind::Time,
        Value::Bytes(_) => ColumnKind::Bytes,
    })
}

impl Sink for Kept {
    type Error = BoxError;

    fn value(&mut self, value: Value<'_>) -> Result<(), BoxError> {
        let value = match value {
            Value::Text(text) => Value::Text(text.into_owned().into()),
            Value::Null => Value::Null,
            Value::Id(id) => Value::Id(id),
            Value::Int(number) => Value::Int(number),
            Value::Flag(flag) => Value::Flag(flag),
            Value::Time(time) => Value::Time(time),
            Value::Bytes(bytes) => Value::Bytes(bytes),
        };
        self.values.push_back(value);
        Ok(())
    }

    fn json<T: Serialize>(&mut self, value: &T) -> Result<(), BoxError> {
        self.json.push_back(serde_json::to_value(value)?);
        Ok(())
    }
}

impl Source for Kept {
    type Error = BoxError;

    fn value(&mut self, kind: ColumnKind) -> Result<Value<'_>, BoxError> {
        let value = self.values.pop_front().ok_or("no value is left")?;
        assert!(kind_of(&value).is_none_or(|written| written == kind), "{value:?} is no {kind:?}");
        Ok(value)
    }

    fn json<T: DeserializeOwned + 'static>(&mut self) -> Result<T, BoxError> {
        Ok(serde_json::from_value(self.json.pop_front().ok_or("no JSON is left")?)?)
    }

    fn wrong(&self, why: BoxError) -> BoxError {
        why
    }
}

#[test]
fn a_row_is_read_as_it_was_written() {
    let mut order = crate::orders::tests::order(&[(1000, 2)], 500);
    let mut kept = Kept::default();
    order.write(&mut kept).unwrap();
    assert_eq!(kept.values.len() + kept.json.len(), Order::TABLE.written().count());
    let read = Order::read(&mut kept).unwrap();
    assert_eq!(kept.values.len(), 1, "the derived column is not read");
    let items = std::mem::take(&mut order.items);
    assert_eq!(read, order);
    order.set_children(items);
    assert_eq!((Order::ENTITY, order.children().len()), (Entity::Order, 1));
}

#[test]
fn a_pending_call_has_an_intent_and_a_step() {
    let (intent, step) = (Value::Id(Uuid::from_u128(1)), Value::Text("confirm".into()));
    let read = |values: [Value<'static>; 2]| {
        Option::<PendingCall>::read(&mut Kept { values: values.into(), ..Kept::default() })
    };
    assert_eq!(read([Value::Null, Value::Null]).unwrap(), None);
    let pending_call = read([intent.clone(), step.clone()]).unwrap().unwrap();
    assert_eq!((pending_call.intent.0, pending_call.step), (Uuid::from_u128(1), GatewayOperation::Confirm));
    assert!(read([intent, Value::Null]).is_err());
    assert!(read([Value::Null, step]).is_err());
}

#[test]
fn a_value_of_another_kind_is_refused() {
    let why = |value| i64::from_value(value).unwrap_err().to_string();
    assert_eq!(why(Value::Null), "expected Int, found nothing");
    assert_eq!(why(Value::Text("secret".into())), "expected Int, found another kind of value");
    assert_eq!(Option::<i64>::from_value(Value::Null).unwrap(), None);
    assert!(Currency::from_value(Value::Text("XXX".into())).is_err());
    assert!(PaymentState::from_value(Value::Text("lost".into())).is_err());
}
