//! Tests which percentage applies to what, and how the shipping is split.

use super::*;

/// A German tax rate that applies to shipping, in percent.
fn german(id: u128, class: &str, hundredths: i64) -> TaxRate {
    TaxRate {
        id: TaxRateId(Uuid::from_u128(id)),
        name: format!("MwSt {class}"),
        tax_class: class.into(),
        country: "DE".into(),
        region: None,
        region_key: String::new(),
        rate: Ratio(hundredths * 10_000),
        applies_to_shipping: true,
        created_at: now(),
        updated_at: now(),
        version: 1,
    }
}

/// The taxes of these lines in Germany, with the shop's own rates.
fn in_germany(rates: &[TaxRate], lines: &[BasketLine<'_>], included: bool, rounding: TaxRounding) -> Taxes {
    let place = crate::model::shipping::Address { country: "DE".into(), ..address() };
    let (quote, shipping_shares) = own_rates(rates, &place, lines.iter().map(|line| (line.variant_id, line.tax_class)));
    Taxes { quote, shipping_shares, included, rounding }
}

/// Lines of (unit price, tax class), one unit each.
fn of_classes(of: &[(i64, &'static str)]) -> Vec<BasketLine<'static>> {
    let prices: Vec<_> = of.iter().map(|(price, _)| (*price, 1)).collect();
    let classes = of.iter().map(|(_, class)| *class);
    lines(&prices).into_iter().zip(classes).map(|(line, tax_class)| BasketLine { tax_class, ..line }).collect()
}

/// The shipping by percentage: (percent, taxable amount, tax).
fn shipping_by_rate(priced: &Priced) -> Vec<(i64, i64, i64)> {
    let taxes = priced.explanation.taxes.iter();
    let part = |tax: &UsedTaxRate| tax.shipping.map(|part| (tax.rate.0 / 10_000, part.base.0, part.amount.0));
    taxes.filter_map(part).collect()
}

#[test]
fn the_shipping_is_taxed_as_the_goods_are() {
    let rates = [german(1, "standard", 19), german(2, "reduced", 7)];
    let of = |of: &[(i64, &'static str)], included| {
        let lines = of_classes(of);
        let priced = price(&basket(&lines, &[]), &rules([]), &in_germany(&rates, &lines, included, TaxRounding::Line));
        adds_up(&priced).unwrap();
        shipping_by_rate(&priced)
    };
    let (standard, reduced) = ("standard", "reduced");
    assert_eq!(of(&[(1000, reduced)], true), [(7, 500, 33)], "not 80");
    assert_eq!(of(&[(1000, standard)], true), [(19, 500, 80)]);
    assert_eq!(of(&[(1000, reduced)], false), [(7, 500, 35)]);
    assert_eq!(of(&[(1000, standard), (1000, reduced)], true), [(19, 250, 40), (7, 250, 16)]);
    // 5.00 in the ratio 1 : 2 is 1.67 and 3.33.
    assert_eq!(of(&[(1000, reduced), (1000, standard), (1000, reduced)], true), [(7, 333, 22), (19, 167, 27)]);
    assert_eq!(of(&[(1000, reduced), (1000, standard), (1000, reduced)], false), [(7, 333, 23), (19, 167, 32)]);
    // A line without a rate gets no share of the shipping.
    assert_eq!(of(&[(1000, "books"), (1, standard)], true), [(19, 500, 80)]);
    assert_eq!(of(&[(1000, "books")], true), []);
    // A share too small for one minor unit is left out.
    assert_eq!(of(&[(100_000, reduced), (1, standard)], true), [(7, 500, 33)]);
}

#[test]
fn shipping_is_not_taxed_where_no_rate_of_the_goods_applies_to_it() {
    let rates = [german(1, "standard", 19), TaxRate { applies_to_shipping: false, ..german(2, "reduced", 7) }];
    let lines = of_classes(&[(1000, "reduced")]);
    let taxes = in_germany(&rates, &lines, true, TaxRounding::Line);
    let priced = price(&basket(&lines, &[]), &rules([]), &taxes);
    assert_eq!((priced.shipping_tax, shipping_by_rate(&priced)), (Amount::ZERO, vec![]));
    // If another line's rate applies to shipping, that line takes all of it.
    let lines = of_classes(&[(1000, "reduced"), (1000, "standard")]);
    let priced = price(&basket(&lines, &[]), &rules([]), &in_germany(&rates, &lines, true, TaxRounding::Line));
    assert_eq!(shipping_by_rate(&priced), [(19, 500, 80)]);
}

#[test]
fn the_shares_of_the_shipping_go_by_what_is_left_to_pay() {
    let rates = [german(1, "standard", 19), german(2, "reduced", 7)];
    let shares = |of: &[(i64, &'static str)], promotion: Option<CountedOffer>| {
        let lines = of_classes(of);
        let taxes = in_germany(&rates, &lines, true, TaxRounding::Order);
        let priced = price(&basket(&lines, &[]), &rules(promotion), &taxes);
        adds_up(&priced).unwrap();
        shipping_by_rate(&priced).into_iter().map(|(rate, base, _)| (rate, base)).collect::<Vec<_>>()
    };
    let first = with(percent(1, 50), |promotion| {
        promotion.product_ids = BTreeSet::from([ProductId(Uuid::from_u128(200))]);
    });
    assert_eq!(shares(&[(2000, "standard"), (1000, "reduced")], Some(first)), [(19, 250), (7, 250)]);
    // If everything is free, the values before discounts count; if those are zero, the quantities.
    assert_eq!(shares(&[(4000, "standard"), (1000, "reduced")], Some(percent(1, 100))), [(19, 400), (7, 100)]);
    assert_eq!(shares(&[(0, "standard"), (0, "reduced"), (0, "reduced"), (0, "reduced")], None), [(19, 125), (7, 375)]);
}

#[test]
fn what_has_the_same_percentage_is_rounded_together() {
    let rates = [german(1, "standard", 7), german(2, "reduced", 7)];
    let lines = of_classes(&[(107, "standard"), (107, "reduced"), (107, "standard")]);
    let of = |rounding| {
        let taxes = in_germany(&rates, &lines, false, rounding);
        let priced = price(&Basket { shipping: None, ..basket(&lines, &[]) }, &rules([]), &taxes);
        adds_up(&priced).unwrap();
        priced
    };
    // 7 % of 3.21 is 0.2247, of each line 0.0749; by tax class it would be 0.15 and 0.07.
    assert_eq!((of(TaxRounding::Order).tax_total, of(TaxRounding::Line).tax_total), (Amount(22), Amount(21)));
    let lines = of_classes(&[(150, "standard"), (150, "reduced")]);
    let taxes = in_germany(&rates, &lines, false, TaxRounding::Order);
    let priced = price(&Basket { shipping: None, ..basket(&lines, &[]) }, &rules([]), &taxes);
    // 7 % of 3.00; by tax class it would be 0.11 twice.
    assert_eq!(priced.tax_total, Amount(21));
    let [tax] = <[UsedTaxRate; 1]>::try_from(priced.explanation.taxes).unwrap();
    assert_eq!((tax.name.as_str(), tax.base), ("MwSt standard, MwSt reduced", Amount(300)));
    assert_eq!(tax.own().map(|rate| rate.id.0.as_u128()).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn an_order_of_an_earlier_release_shows_one_entry_per_percentage() {
    let tax = |id: u128, name: &str, rate: i64, base: i64, amount: i64| UsedTaxRate {
        tax_rate_id: Some(TaxRateId(Uuid::from_u128(id))),
        version: 1,
        name: name.into(),
        rate: Ratio(rate),
        base: Amount(base),
        amount: Amount(amount),
        others: Vec::new(),
        shipping: None,
    };
    let taxes = vec![tax(1, "A", 70_000, 107, 7), tax(2, "B", 190_000, 119, 19), tax(3, "C", 70_000, 214, 14)];
    let written = Explanation { prices_include_tax: true, taxes, ..Explanation::default() };
    // The format of earlier releases.
    let text = serde_json::to_string(&written).unwrap();
    assert!(!text.contains("others") && !text.contains("\"shipping\""), "{text}");
    let read: Explanation = serde_json::from_str(&text).unwrap();
    let shown: Vec<_> = read
        .taxes_by_rate()
        .into_iter()
        .map(|tax| (tax.name.clone(), tax.base.0, read.net_base(&tax).0, tax.amount.0))
        .collect();
    assert_eq!(shown, [("A, C".to_owned(), 321, 300, 21), ("B".to_owned(), 119, 100, 19)]);
}

proptest! {
    #[test]
    fn the_parts_of_every_percentage_sum_to_it(
        of in proptest::collection::vec((0_i64..100_000, 0_usize..4), 0..9), shipping in 0_i64..10_000,
        percentages in (0_i64..100, 0_i64..100), ships in (any::<bool>(), any::<bool>()), off in 0_i64..=100,
        included in any::<bool>(), by_order in any::<bool>(),
    ) {
        let classes = ["standard", "reduced", "food", "books"];
        let lines = of_classes(&of.iter().map(|(price, class)| (*price, classes[*class])).collect::<Vec<_>>());
        let rates = [
            TaxRate { applies_to_shipping: ships.0, ..german(1, "standard", percentages.0) },
            TaxRate { applies_to_shipping: ships.1, ..german(2, "reduced", percentages.1) },
            german(3, "food", percentages.1),
        ];
        let basket = Basket { shipping: Some(("Post", Amount(shipping))), ..basket(&lines, &[]) };
        let rounding = if by_order { TaxRounding::Order } else { TaxRounding::Line };
        let taxes = in_germany(&rates, &lines, included, rounding);
        let priced = price(&basket, &rules((off > 0).then(|| percent(1, off))), &taxes);
        adds_up(&priced)?;
        let mut seen: Vec<_> = priced.explanation.taxes.iter().map(|tax| tax.rate).collect();
        seen.sort_unstable();
        prop_assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "one entry per percentage");
        let applies = |line: &BasketLine<'_>| taxes.quote.lines.get(&line.variant_id).and_then(|rate| rate.id)
            .is_some_and(|id| taxes.shipping_shares.contains(&id));
        prop_assert_eq!(
            priced.explanation.taxes.iter().any(|tax| tax.shipping.is_some()),
            lines.iter().any(applies) && (shipping > 0 || shipping_by_rate(&priced).len() == 1)
        );
    }
}
