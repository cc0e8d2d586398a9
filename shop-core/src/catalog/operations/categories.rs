//! Decisions about the category tree.

use std::collections::{HashMap, HashSet};

use super::Mode;
use super::check::MAX_DESCRIPTION;
use crate::batch::{Batch, CatalogWrite, Change, expect_version};
use crate::catalog::CategoryInput;
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::field::Checks;
use crate::id::CategoryId;
use crate::model::catalog::{Category, CategoryTree, MAX_CATEGORIES};
use crate::validate::{self, slugify};

const MAX_POSITION: i64 = 1_000_000;

/// The checked fields of a category; `None` keeps the stored value.
#[derive(Debug, Clone, Default)]
#[expect(clippy::option_option, reason = "to keep a parent and to clear it are two things")]
pub(crate) struct CategoryFields {
    name: Option<String>,
    slug: Option<String>,
    description: Option<String>,
    parent_id: Option<Option<CategoryId>>,
    position: Option<i64>,
}

/// Checks the input of a category.
pub(crate) fn category_fields(input: CategoryInput, mode: Mode) -> Result<CategoryFields> {
    let mut checks = Checks::new();
    let name = if mode.is_whole() || !input.name.is_missing() {
        checks.required("name", input.name, validate::text(1, 255))
    } else {
        None
    };
    let slug = mode.slug(&mut checks, input.slug);
    let description =
        checks.filled(mode.is_whole(), "description", input.description, validate::multiline(0, MAX_DESCRIPTION));
    let parent_id = checks.change("parent_id", input.parent_id, Ok);
    let position = checks.filled(mode.is_whole(), "position", input.position, validate::between(0, MAX_POSITION));
    checks.finish()?;
    let whole = mode.is_whole();
    Ok(CategoryFields {
        name,
        slug,
        description: description.or(whole.then(String::new)),
        parent_id: parent_id.or(whole.then_some(None)),
        position: position.or(whole.then_some(0)),
    })
}

/// Creates a category in the tree.
pub(crate) fn create_category(
    batch: &mut Batch,
    context: &mut DecisionContext,
    tree: &CategoryTree,
    fields: &CategoryFields,
) -> Result<Category> {
    if tree.categories.len() >= MAX_CATEGORIES {
        return Err(Error::transition(format!("A shop has at most {MAX_CATEGORIES} categories.")));
    }
    let name = fields.name.clone().unwrap_or_default();
    let category = Category {
        id: context.id(),
        slug: match &fields.slug {
            Some(slug) => free_slug(tree, slug, None)?,
            None => derived_slug(tree, &name),
        },
        name,
        description: fields.description.clone().unwrap_or_default(),
        parent_id: fields.parent_id.flatten(),
        position: fields.position.unwrap_or_default(),
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    };
    check_parent(tree, category.id, category.parent_id)?;
    batch.write(CatalogWrite::ReshapeTree { from: tree.version });
    batch.write(Change::Insert(category.clone()));
    Ok(category)
}

/// Changes a category. Only a new parent changes the shape of the tree.
pub(crate) fn change_category(
    batch: &mut Batch,
    context: &mut DecisionContext,
    tree: &CategoryTree,
    id: CategoryId,
    fields: &CategoryFields,
    expected: Option<i64>,
) -> Result<Category> {
    let before = find(tree, id, expected)?;
    let mut after = before.clone();
    if let Some(name) = &fields.name {
        after.name.clone_from(name);
    }
    if let Some(slug) = &fields.slug {
        after.slug = free_slug(tree, slug, Some(id))?;
    }
    if let Some(description) = &fields.description {
        after.description.clone_from(description);
    }
    if let Some(parent_id) = fields.parent_id {
        after.parent_id = parent_id;
    }
    if let Some(position) = fields.position {
        after.position = position;
    }
    if after == *before {
        return Ok(after);
    }
    if after.parent_id != before.parent_id {
        check_parent(tree, id, after.parent_id)?;
        batch.write(CatalogWrite::ReshapeTree { from: tree.version });
    }
    after.version += 1;
    after.updated_at = context.now();
    batch.write(Change::Update(after.clone()));
    Ok(after)
}

/// Deletes a category. The store moves its children to its parent and removes its products from it.
pub(crate) fn delete_category(
    batch: &mut Batch,
    tree: &CategoryTree,
    id: CategoryId,
    expected: Option<i64>,
) -> Result<()> {
    let category = find(tree, id, expected)?;
    batch.write(CatalogWrite::ReshapeTree { from: tree.version });
    batch.delete(category);
    Ok(())
}

fn find(tree: &CategoryTree, id: CategoryId, expected: Option<i64>) -> Result<&Category> {
    let category = tree.categories.iter().find(|category| category.id == id).ok_or(Error::NotFound)?;
    expect_version(category, expected)?;
    Ok(category)
}

/// Checks that the parent exists and is neither the category itself nor one of its descendants.
fn check_parent(tree: &CategoryTree, id: CategoryId, parent: Option<CategoryId>) -> Result<()> {
    let parents: HashMap<_, _> = tree.categories.iter().map(|category| (category.id, category.parent_id)).collect();
    if parent.is_some_and(|parent| parent != id && !parents.contains_key(&parent)) {
        return Err(Error::invalid("parent_id", "There is no such category."));
    }
    let mut above = parent;
    // No node is visited twice, so the loop ends even if the tree already has a cycle.
    let mut seen = HashSet::new();
    while let Some(node) = above.filter(|node| seen.insert(*node)) {
        if node == id {
            return Err(Error::invalid("parent_id", "A category cannot stand below itself."));
        }
        above = parents.get(&node).copied().flatten();
    }
    Ok(())
}

fn free_slug(tree: &CategoryTree, slug: &str, id: Option<CategoryId>) -> Result<String> {
    if tree.categories.iter().any(|category| category.slug == slug && Some(category.id) != id) {
        return Err(Error::AlreadyExists { field: "slug" });
    }
    Ok(slug.to_owned())
}

fn derived_slug(tree: &CategoryTree, name: &str) -> String {
    let taken: HashSet<_> = tree.categories.iter().map(|category| category.slug.as_str()).collect();
    let mut base = slugify(name, "category");
    // Leave room for a number at the end.
    base.truncate(80);
    let base = base.trim_end_matches('-');
    // At most `MAX_CATEGORIES` slugs are taken, so one of these is free.
    let numbered = (2..=MAX_CATEGORIES + 2).map(|number| format!("{base}-{number}"));
    let free = |slug: &String| !taken.contains(slug.as_str());
    std::iter::once(base.to_owned()).chain(numbered).find(free).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::RowWrite;
    use crate::batch::Write;

    fn context(seed: u8) -> DecisionContext {
        DecisionContext::new(chrono::DateTime::from_timestamp(1_750_000_000, 0).unwrap(), [seed; 32])
    }

    fn apply(tree: &mut CategoryTree, batch: &Batch) {
        for write in &batch.writes {
            match write {
                Write::Catalog(CatalogWrite::ReshapeTree { from }) => {
                    assert_eq!(tree.version, *from);
                    tree.version += 1;
                }
                Write::Row(RowWrite::Category(Change::Insert(new))) => tree.categories.push(new.clone()),
                Write::Row(RowWrite::Category(Change::Update(new))) => {
                    *tree.categories.iter_mut().find(|category| category.id == new.id).unwrap() = new.clone();
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn add(tree: &mut CategoryTree, name: &str, parent: Option<CategoryId>) -> Category {
        let mut context = context(u8::try_from(tree.categories.len()).unwrap());
        let input = CategoryInput { name: name.into(), ..CategoryInput::default() };
        let mut fields = category_fields(input, Mode::Create).unwrap();
        fields.parent_id = Some(parent);
        let mut batch = Batch::new(&mut context);
        let category = create_category(&mut batch, &mut context, tree, &fields).unwrap();
        apply(tree, &batch);
        category
    }

    fn shift(tree: &mut CategoryTree, id: CategoryId, parent: Option<CategoryId>) -> Result<Category> {
        let mut context = context(99);
        let mut batch = Batch::new(&mut context);
        let fields = CategoryFields { parent_id: Some(parent), ..CategoryFields::default() };
        let category = change_category(&mut batch, &mut context, tree, id, &fields, None)?;
        apply(tree, &batch);
        Ok(category)
    }

    #[test]
    fn no_category_stands_below_itself() {
        let mut tree = CategoryTree::default();
        let top = add(&mut tree, "Clothes", None);
        let middle = add(&mut tree, "Sweaters", Some(top.id));
        let low = add(&mut tree, "Wool", Some(middle.id));
        for parent in [top.id, middle.id, low.id] {
            let refused = shift(&mut tree, top.id, Some(parent));
            assert!(matches!(refused, Err(Error::Invalid(invalid)) if invalid.fields.contains_key("parent_id")));
        }
        let unknown = CategoryId(uuid::Uuid::nil());
        assert!(matches!(shift(&mut tree, low.id, Some(unknown)), Err(Error::Invalid(_))));
        assert_eq!(shift(&mut tree, low.id, Some(top.id)).unwrap().version, 2);
        assert_eq!(tree.version, 4);
        shift(&mut tree, low.id, Some(top.id)).unwrap();
        assert_eq!(tree.version, 4, "the same parent again changes nothing");
    }

    #[test]
    fn slugs_are_derived_and_unique() {
        let mut tree = CategoryTree::default();
        assert_eq!(add(&mut tree, "Tea & Coffee", None).slug, "tea-coffee");
        assert_eq!(add(&mut tree, "Tea & Coffee", None).slug, "tea-coffee-2");
        let id = tree.categories[0].id;
        let mut context = context(50);
        let mut batch = Batch::new(&mut context);
        let fields = CategoryFields { slug: Some("tea-coffee-2".to_owned()), ..CategoryFields::default() };
        let refused = change_category(&mut batch, &mut context, &tree, id, &fields, None);
        assert!(matches!(refused, Err(Error::AlreadyExists { field: "slug" })));
        let refused = delete_category(&mut batch, &tree, id, Some(7));
        assert!(matches!(refused, Err(Error::VersionMismatch)));
        delete_category(&mut batch, &tree, id, Some(1)).unwrap();
        assert_eq!(batch.writes.len(), 2);
    }

    proptest! {
        #[test]
        fn the_tree_stays_a_tree(moves in proptest::collection::vec((0..8_usize, proptest::option::of(0..8_usize)), 0..40)) {
            let mut tree = CategoryTree::default();
            for number in 0..8 {
                add(&mut tree, &format!("c{number}"), None);
            }
            let ids: Vec<_> = tree.categories.iter().map(|category| category.id).collect();
            for (child, parent) in moves {
                let _ = shift(&mut tree, ids[child], parent.map(|parent| ids[parent]));
                for category in &tree.categories {
                    let mut steps = 0;
                    let mut above = category.parent_id;
                    while let Some(id) = above {
                        steps += 1;
                        prop_assert!(steps <= ids.len());
                        above = tree.categories.iter().find(|other| other.id == id).unwrap().parent_id;
                    }
                }
            }
        }
    }
}
