//! People among what a search finds: as other things that are found, with what fits.

use actix_web::web::Data;
use clowder_accounts::{
    Profiles,
    profiles::{User, ranking::Found},
};
use clowder_core::text::Flaw;
use clowder_messaging::search::{highlight::highlight, query::Sought, tokens::tokens};
use serde::Serialize;

use super::handlers::LONGEST_SOUGHT;
use crate::{answer::Listed, auth::Caller, problem::Answer, query::Query};

/// Somebody who is found.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct FoundPerson {
    pub user: User,
    /// The display name, or the username if that fits better, as HTML: what was found is in `<mark>`, all else is escaped.
    pub highlight: String,
    /// As in `GET /api/users/search`.
    #[schema(minimum = 0, maximum = 1)]
    pub score: f64,
}

impl FoundPerson {
    fn new(Found { user, score }: Found, sought: Option<&Sought>) -> Self {
        let shown = |name: &str| {
            let hits = sought.map(|sought| sought.hits(&tokens(name))).unwrap_or_default();
            (!hits.is_empty(), highlight(name, &hits))
        };
        let (fits, display_name) = shown(&user.display_name);
        let (fits_better, username) = shown(&user.username);
        let highlight = if !fits && fits_better { username } else { display_name };
        Self { user, highlight, score }
    }
}

pub async fn people(
    profiles: Data<dyn Profiles>,
    Caller(ctx): Caller,
    mut query: Query,
) -> Answer<Listed<FoundPerson>> {
    if !query.has("q") {
        query.flaw("q", Flaw::new("required", "is missing"));
    }
    let (page, text) = (query.page(), query.text_within("q", LONGEST_SOUGHT));
    query.check()?;
    let sought = text.as_deref().and_then(Sought::parse);
    let found = profiles.search_users(&ctx, text, page).await?;
    Ok(Listed(found.map(|found| FoundPerson::new(found, sought.as_ref()))))
}
