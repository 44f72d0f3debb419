//! The row of a second factor.

use clowder_core::{Timestamp, UserId};
use diesel::prelude::*;

use super::schema::two_factor;
use crate::seal::Sealed;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = two_factor)]
#[diesel(treat_none_as_default_value = false)]
pub struct TwoFactorRow {
    pub user_id: UserId,
    pub secret: Sealed,
    pub created_at: Timestamp,
    pub enabled_at: Option<Timestamp>,
    pub last_step: i64,
    pub failures: i64,
    pub failed_at: Option<Timestamp>,
}
