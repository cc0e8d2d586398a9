//! `#[derive(Row)]` for `shop_core::row::Row` and `#[derive(Columns)]` for `shop_core::row::Columns`.
//!
//! The traits document both derives and the `row` attribute. This crate is not meant to be used on its own: the
//! generated code refers to `crate::row`, so it only works inside the core.

mod declaration;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{DeriveInput, parse_macro_input};

use declaration::{Declaration, Field, How, KeyName};

/// Declares how a kind of row is stored. See `shop_core::row::Row`.
#[proc_macro_derive(Row, attributes(row))]
pub fn row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let declared = Declaration::of(&input).and_then(|declaration| {
        let (columns, row) = (columns_impl(&declaration), row_impl(&declaration)?);
        Ok(quote! { #columns #row })
    });
    declared.unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Declares columns that several rows share, or that belong together. See `shop_core::row::Columns`.
#[proc_macro_derive(Columns, attributes(row))]
pub fn columns(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let declared = Declaration::of(&input).map(|declaration| columns_impl(&declaration));
    declared.unwrap_or_else(|error| error.to_compile_error()).into()
}

/// `impl Columns`: the columns, and how they are written and read.
fn columns_impl(declaration: &Declaration) -> Tokens {
    let Declaration { name, fields, derived, constant_id, .. } = declaration;
    let (mut parts, mut writes, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    if *constant_id {
        parts.push(quote! { &[crate::row::Column::of::<uuid::Uuid>("id")] });
        writes.push(quote! { sink.put(&Self::ID)?; });
    }
    for Field { ident, column, ty, how } in fields {
        let column = column.to_string();
        match how {
            How::Value => {
                parts.push(quote! { &[crate::row::Column::of::<#ty>(#column)] });
                writes.push(quote! { sink.put(&self.#ident)?; });
                reads.push(quote! { #ident: source.take()?, });
            }
            How::Json => {
                parts.push(quote! { &[crate::row::Column::json(#column)] });
                writes.push(quote! { sink.json(&self.#ident)?; });
                reads.push(quote! { #ident: source.json()?, });
            }
            How::Flat => {
                parts.push(quote! { <#ty as crate::row::Columns>::COLUMNS });
                writes.push(quote! { crate::row::Columns::write(&self.#ident, sink)?; });
                reads.push(quote! { #ident: crate::row::Columns::read(source)?, });
            }
            How::Children => reads.push(quote! { #ident: Vec::new(), }),
        }
    }
    let skip_id = constant_id.then(|| quote! { let _: uuid::Uuid = source.take()?; });
    let derive = derived.iter().map(|column| {
        let (name, ty, method) = (column.ident.to_string(), &column.ty, &column.method);
        (quote! { crate::row::Column::of::<#ty>(#name) }, quote! { sink.derived(|| self.#method())?; })
    });
    let (derived_columns, derived_writes): (Vec<_>, Vec<_>) = derive.unzip();
    quote! {
        impl crate::row::Columns for #name {
            const COLUMNS: &'static [crate::row::Column] = {
                const PARTS: &[&[crate::row::Column]] = &[#(#parts),*];
                const ALL: [crate::row::Column; crate::row::count(PARTS)] = crate::row::concat(PARTS);
                &ALL
            };
            const DERIVED: &'static [crate::row::Column] = &[#(#derived_columns),*];

            fn write<S: crate::row::Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
                #(#writes)*
                #(#derived_writes)*
                Ok(())
            }

            fn read<S: crate::row::Source>(source: &mut S) -> Result<Self, S::Error> {
                #skip_id
                Ok(Self { #(#reads)* })
            }
        }
    }
}

/// `impl Row`, with [`Versioned`](trait@Versioned) and the children where they apply.
fn row_impl(declaration: &Declaration) -> syn::Result<Tokens> {
    let Declaration { name, table, key, uniques, deletable, child_of, has_position, .. } = declaration;
    let key_name = key_name(declaration);
    let table = table.as_ref().ok_or_else(|| declaration.error("a row needs `table = \"…\"`"))?;
    let key = key.iter().map(ToString::to_string);
    let uniques = uniques.iter().map(|unique| {
        let (name, columns) = (&unique.name, unique.columns.iter().map(ToString::to_string));
        let when = unique.when.as_ref().map(|(column, words)| {
            let column = column.to_string();
            quote! { crate::row::When { column: #column, words: &[#(#words),*] } }
        });
        let when = option(when);
        quote! { crate::row::UniqueKey { name: crate::row::Unique::#name, columns: &[#(#columns),*], when: #when } }
    });
    let parent = option(child_of.as_ref().map(|column| {
        let column = column.to_string();
        quote! { crate::row::ParentKey { column: #column, has_position: #has_position } }
    }));
    let versioned = versioned_impl(declaration);
    let children = declaration.fields.iter().filter(|field| matches!(field.how, How::Children)).map(|field| {
        let (ident, ty) = (&field.ident, &field.ty);
        quote! {
            impl crate::row::Parent for #name {
                type Child = <#ty as IntoIterator>::Item;

                fn children(&self) -> &[Self::Child] {
                    &self.#ident
                }

                fn set_children(&mut self, children: Vec<Self::Child>) {
                    self.#ident = children;
                }
            }
        }
    });
    Ok(quote! {
        impl crate::row::Row for #name {
            const TABLE: crate::row::Table = crate::row::Table {
                name: #table,
                columns: <Self as crate::row::Columns>::COLUMNS,
                derived: <Self as crate::row::Columns>::DERIVED,
                key: &[#(#key),*],
                key_name: #key_name,
                uniques: &[#(#uniques),*],
                deletable: #deletable,
                parent: #parent,
            };
        }
        #versioned
        #(#children)*
    })
}

/// `impl Versioned`, for a row with an entity.
fn versioned_impl(Declaration { name, entity, constant_id, .. }: &Declaration) -> Option<Tokens> {
    let entity = entity.as_ref()?;
    let key = if *constant_id {
        quote! { Self::ID }
    } else {
        quote! { self.id.into() }
    };
    Some(quote! {
        impl crate::row::Versioned for #name {
            const ENTITY: crate::row::Entity = crate::row::Entity::#entity;

            fn key(&self) -> uuid::Uuid {
                #key
            }

            fn version(&self) -> i64 {
                self.version
            }
        }
    })
}

/// The name of the key: as declared, or that of the entity's id, or else `OtherId`.
fn key_name(declaration: &Declaration) -> Tokens {
    let (name, entity) = match (&declaration.key_name, &declaration.entity) {
        (Some(KeyName { name, entity }), _) => (quote! { #name }, entity.as_ref()),
        (None, Some(entity)) => (quote! { Id }, Some(entity)),
        (None, None) => (quote! { OtherId }, None),
    };
    let entity = entity.map(|entity| quote! { (crate::row::Entity::#entity) });
    quote! { crate::row::Unique::#name #entity }
}

/// Turns an option into the expression that constructs it.
fn option(value: Option<Tokens>) -> Tokens {
    value.map_or_else(|| quote! { None }, |value| quote! { Some(#value) })
}
