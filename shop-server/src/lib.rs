//! The shop over HTTP.
pub mod answer;
pub mod config;
pub mod edge;
pub mod field;
pub mod health;
pub mod openapi;
pub mod problem;
pub mod serve;
pub mod site;
