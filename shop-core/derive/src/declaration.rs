//! Parses a struct and its `row` attributes.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Fields, Ident, LitStr, Token, Type, parenthesized};

/// A struct to be stored.
pub(crate) struct Declaration {
    pub(crate) name: Ident,
    pub(crate) table: Option<LitStr>,
    pub(crate) entity: Option<Ident>,
    /// The columns of the key.
    pub(crate) key: Vec<Ident>,
    pub(crate) key_name: Option<KeyName>,
    pub(crate) uniques: Vec<Unique>,
    pub(crate) deletable: bool,
    /// The id is `Self::ID` rather than a field.
    pub(crate) constant_id: bool,
    /// The column of a child table that holds its parent's id.
    pub(crate) child_of: Option<Ident>,
    /// Whether the child table has a column `position`.
    pub(crate) has_position: bool,
    pub(crate) derived: Vec<Derived>,
    pub(crate) fields: Vec<Field>,
}

/// The name of a key: a variant of `Unique`, with its entity if it has one.
pub(crate) struct KeyName {
    pub(crate) name: Ident,
    pub(crate) entity: Option<Ident>,
}

/// A unique key.
pub(crate) struct Unique {
    pub(crate) name: Ident,
    pub(crate) columns: Vec<Ident>,
    /// Limits the key to rows whose column has one of these values.
    pub(crate) when: Option<(Ident, Vec<LitStr>)>,
}

/// A column that a method computes from the others.
pub(crate) struct Derived {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) method: Ident,
}

pub(crate) struct Field {
    pub(crate) ident: Ident,
    /// The name of the column: that of the field, unless an attribute names another.
    pub(crate) column: Ident,
    pub(crate) ty: Type,
    pub(crate) how: How,
}

/// How a field is stored.
pub(crate) enum How {
    /// In its own column.
    Value,
    /// In its own column, as JSON.
    Json,
    /// In the columns of its type.
    Flat,
    /// As rows of a child table.
    Children,
}

impl Declaration {
    pub(crate) fn of(input: &DeriveInput) -> syn::Result<Self> {
        let Data::Struct(data) = &input.data else {
            return Err(syn::Error::new(input.span(), "only a struct with named fields can be stored"));
        };
        let Fields::Named(named) = &data.fields else {
            return Err(syn::Error::new(input.span(), "only a struct with named fields can be stored"));
        };
        let mut declaration = Self {
            name: input.ident.clone(),
            table: None,
            entity: None,
            key: Vec::new(),
            key_name: None,
            uniques: Vec::new(),
            deletable: false,
            constant_id: false,
            child_of: None,
            has_position: false,
            derived: Vec::new(),
            fields: Vec::new(),
        };
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("row")) {
            attribute.parse_nested_meta(|meta| declaration.attribute(&meta))?;
        }
        for field in &named.named {
            declaration.fields.push(Field::of(field)?);
        }
        if declaration.key.is_empty() {
            declaration.key.push(Ident::new("id", input.ident.span()));
        }
        Ok(declaration)
    }

    fn attribute(&mut self, meta: &syn::meta::ParseNestedMeta<'_>) -> syn::Result<()> {
        let is = |name: &str| meta.path.is_ident(name);
        if is("table") {
            self.table = Some(meta.value()?.parse()?);
        } else if is("entity") {
            self.entity = Some(meta.value()?.parse()?);
        } else if is("deletable") {
            self.deletable = true;
        } else if is("constant_id") {
            self.constant_id = true;
        } else if is("child_of") {
            self.child_of = Some(meta.value()?.parse()?);
        } else if is("position") {
            self.has_position = true;
        } else if is("key") {
            self.key = listed(meta.input)?;
        } else if is("key_name") {
            self.key_name = Some(meta.value()?.parse()?);
        } else if is("unique") {
            let content;
            parenthesized!(content in meta.input);
            self.uniques.push(content.parse()?);
        } else if is("derived") {
            let content;
            parenthesized!(content in meta.input);
            self.derived.extend(Punctuated::<Derived, Token![,]>::parse_terminated(&content)?);
        } else {
            return Err(meta.error(
                "expected `table`, `entity`, `key`, `key_name`, `unique`, `derived`, `deletable`, `constant_id`, `child_of` or `position`",
            ));
        }
        Ok(())
    }

    pub(crate) fn error(&self, why: &str) -> syn::Error {
        syn::Error::new(self.name.span(), why)
    }
}

/// `(a, b)`.
fn listed(input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    let content;
    parenthesized!(content in input);
    Ok(Punctuated::<Ident, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

impl Parse for KeyName {
    /// `StockLevel` or `Id(Event)`.
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        if !input.peek(syn::token::Paren) {
            return Ok(Self { name, entity: None });
        }
        let content;
        parenthesized!(content in input);
        Ok(Self { name, entity: Some(content.parse()?) })
    }
}

impl Parse for Unique {
    /// `OrderNumber: number` or `OpenCart: customer_id when status in ("open")`.
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let mut columns = vec![input.parse()?];
        while input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            columns.push(input.parse()?);
        }
        if input.is_empty() {
            return Ok(Self { name, columns, when: None });
        }
        let when: Ident = input.parse()?;
        if when != "when" {
            return Err(syn::Error::new(when.span(), "expected `when`"));
        }
        let column = input.parse()?;
        input.parse::<Token![in]>()?;
        let content;
        parenthesized!(content in input);
        let values = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?.into_iter().collect();
        Ok(Self { name, columns, when: Some((column, values)) })
    }
}

impl Parse for Derived {
    /// `name_key: String` or `price: Amount = lowest_price`.
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ident: Ident = input.parse()?;
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        let method = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            input.parse()?
        } else {
            ident.clone()
        };
        Ok(Self { ident, ty, method })
    }
}

impl Field {
    fn of(field: &syn::Field) -> syn::Result<Self> {
        let ident = field.ident.clone().ok_or_else(|| syn::Error::new(field.span(), "a field without a name"))?;
        let mut column = ident.clone();
        let mut how = How::Value;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("row")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("column") {
                    column = meta.value()?.parse()?;
                    return Ok(());
                }
                how = if meta.path.is_ident("json") {
                    How::Json
                } else if meta.path.is_ident("flat") {
                    How::Flat
                } else if meta.path.is_ident("children") {
                    How::Children
                } else {
                    return Err(meta.error("expected `column`, `json`, `flat` or `children`"));
                };
                Ok(())
            })?;
        }
        Ok(Self { ident, column, ty: field.ty.clone(), how })
    }
}
