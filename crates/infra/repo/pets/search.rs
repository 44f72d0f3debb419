//! Lists of pets. The work for a page is bounded: it looks at no more than a certain number of pets, of which some may be
//! hidden, and the next page continues there.

use std::{collections::HashMap, fmt};

use clowder_core::{
    Page, PageRequest, Result, SeenAs, UserId, Word,
    words::{end_of, words},
};
use clowder_social::pets::{Pet, PetFilter, PetId, refusals::PETS_HIDDEN};
use diesel::{prelude::*, sql_types::Bool};

use super::{
    super::{dialect::Conn, fragment::Fragment, people::Viewer, profiles},
    read::{Seen, look, look_as, views},
};
use crate::{
    domains::pets::{PetRow, pet_keepers, pet_words, pets},
    seal::KeyRing,
};

/// Who looks at pets; with `seen_as`, as somebody else.
#[derive(Clone, Copy)]
struct Eyes {
    viewer: Viewer,
    seen_as: Option<SeenAs>,
}

impl Eyes {
    const fn of(viewer: Viewer) -> Self {
        Self { viewer, seen_as: None }
    }

    fn look(self, conn: &mut Conn, rows: Vec<PetRow>) -> Result<Vec<Seen>> {
        match self.seen_as {
            None => look(conn, self.viewer, rows),
            Some(other) => look_as(conn, self.viewer, other, rows),
        }
    }
}

/// How many pets a page looks at, at most.
const LOOKED_AT: usize = 2_000;
/// How many of them at a time.
const PIECE: i64 = 200;

/// The conditions of the indexes of the directory, as constant text, so that the databases use them.
const IN_DIRECTORY: Fragment<Bool> = Fragment::new("(pets.visibility <> 'private')");
const LOST: Fragment<Bool> = Fragment::new("(pets.lost_since IS NOT NULL)");

/// Where a pet is in a list, and so the cursor of what follows: its id, after the word by which it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    word: Option<String>,
    id: PetId,
}

impl Place {
    fn parse(cursor: &str, by_word: bool) -> Result<Self> {
        let (word, id) = match cursor.rsplit_once('.') {
            Some((word, id)) if by_word => (Some(word.to_owned()), id),
            None if !by_word => (None, cursor),
            _ => return Err(PageRequest::wrong()),
        };
        Ok(Self { word, id: id.parse().map_err(|_| PageRequest::wrong())? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.word {
            Some(word) => write!(f, "{word}.{}", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

pub fn list(
    conn: &mut Conn,
    ring: &KeyRing,
    viewer: Viewer,
    filter: &PetFilter,
    page: &PageRequest,
) -> Result<Page<Pet>> {
    let eyes = Eyes::of(viewer);
    match &filter.search {
        None => {
            let wanted = |_: &Place, row: &PetRow| is_wanted(filter, row);
            scan(conn, ring, eyes, page, false, wanted, |conn, after| newest(conn, viewer.id, filter, after))
        }
        Some(search) => {
            let mut sought = words(search);
            sought.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
            let wanted = |place: &Place, row: &PetRow| {
                place.word.is_some() && place.word == word_of(&row.name, &sought) && is_wanted(filter, row)
            };
            scan(conn, ring, eyes, page, true, wanted, |conn, after| match sought.first() {
                None => Ok(Vec::new()),
                Some(_) if filter.mine => own_found(conn, viewer.id, &sought, after),
                Some(first) => found(conn, first, after),
            })
        }
    }
}

fn is_wanted(filter: &PetFilter, row: &PetRow) -> bool {
    filter.species.is_none_or(|species| species.as_str() == row.species)
        && filter.lost.is_none_or(|lost| lost == row.lost_since.is_some())
}

/// The word by which a name is found: the first that begins with the first word of the search, if each of the others
/// begins some word of the name.
fn word_of(name: &str, sought: &[String]) -> Option<String> {
    let (first, others) = sought.split_first()?;
    let all = words(name);
    let has_others = others.iter().all(|other| all.iter().any(|word| word.starts_with(other)));
    all.into_iter().find(|word| has_others && word.starts_with(first))
}

/// The pets of somebody who shows them to the viewer; with `seen_as`, those of the viewer as somebody else sees them.
pub fn of(
    conn: &mut Conn,
    ring: &KeyRing,
    viewer: Viewer,
    user: UserId,
    seen_as: Option<SeenAs>,
    page: &PageRequest,
) -> Result<Page<Pet>> {
    let seen_as = seen_as.filter(|_| user == viewer.id);
    if !profiles::shows_pets(conn, viewer, user, seen_as)? {
        return Err(PETS_HIDDEN.into());
    }
    scan(
        conn,
        ring,
        Eyes { viewer, seen_as },
        page,
        false,
        |_, _| true,
        |conn, after| {
            let mut query = pet_keepers::table
                .inner_join(pets::table)
                .filter(pet_keepers::user_id.eq(user).and(pet_keepers::accepted.eq(true)))
                .filter(pet_keepers::role.ne("caretaker"))
                .order(pet_keepers::pet_id.desc())
                .limit(PIECE)
                .select(PetRow::as_select())
                .into_boxed();
            if let Some(after) = after {
                query = query.filter(pet_keepers::pet_id.lt(after.id));
            }
            let rows: Vec<PetRow> = query.load(conn)?;
            Ok(rows.into_iter().map(|row| (Place { word: None, id: row.id }, row)).collect())
        },
    )
}

type Candidates = Vec<(Place, PetRow)>;

/// Looks at one piece of candidates after the other, for those that are wanted and that the viewer may see. What is wanted
/// is decided here rather than in the queries, so that a rare combination does not make a query read a whole index.
fn scan(
    conn: &mut Conn,
    ring: &KeyRing,
    eyes: Eyes,
    page: &PageRequest,
    by_word: bool,
    is_wanted: impl Fn(&Place, &PetRow) -> bool,
    next: impl Fn(&mut Conn, Option<&Place>) -> Result<Candidates>,
) -> Result<Page<Pet>> {
    let mut place = page.cursor.as_deref().map(|cursor| Place::parse(cursor, by_word)).transpose()?;
    let (wanted, mut found, mut places) = (page.limit as usize + 1, Vec::new(), HashMap::new());
    let (mut looked_at, mut more) = (0, true);
    while more && found.len() < wanted && looked_at < LOOKED_AT {
        let piece = next(conn, place.as_ref())?;
        more = piece.len() as i64 == PIECE;
        looked_at += piece.len();
        let Some((last, _)) = piece.last() else { break };
        place = Some(last.clone());
        let piece = piece.into_iter().filter(|(place, row)| is_wanted(place, row));
        let (some, rows): (Vec<_>, Vec<_>) = piece.unzip();
        places.extend(some.into_iter().map(|place| (place.id, place)));
        found.extend(eyes.look(conn, rows)?);
    }
    found.truncate(wanted);
    let pets = views(conn, ring, found, false)?;
    let key = |pet: &Pet| places.get(&pet.id).map(ToString::to_string).unwrap_or_default();
    let mut page = Page::fill(pets, page, key)?;
    if page.next_cursor.is_none() && more {
        page.next_cursor = place.map(|place| place.to_string());
    }
    Ok(page)
}

/// The newest of those that may be seen by others, and of the viewer's own: two indexes, merged.
fn newest(conn: &mut Conn, viewer: UserId, filter: &PetFilter, after: Option<&Place>) -> Result<Candidates> {
    let mut rows = own(conn, viewer, filter.mine)?;
    rows.retain(|row| after.is_none_or(|after| row.id < after.id));
    if !filter.mine {
        let mut all = pets::table
            .filter(IN_DIRECTORY)
            .order(pets::id.desc())
            .limit(PIECE)
            .select(PetRow::as_select())
            .into_boxed();
        // One of them has an index; there are fewer lost pets than others.
        match (filter.lost, filter.species) {
            (Some(true), _) => all = all.filter(LOST),
            (_, Some(species)) => all = all.filter(pets::species.eq(species.as_str())),
            _ => {}
        }
        if let Some(after) = after {
            all = all.filter(pets::id.lt(after.id));
        }
        rows.extend(all.load::<PetRow>(conn)?);
        rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        rows.dedup_by_key(|row| row.id);
        rows.truncate(PIECE as usize);
    }
    Ok(rows.into_iter().map(|row| (Place { word: None, id: row.id }, row)).collect())
}

/// The pets that somebody keeps and, unless `accepted`, those that they are invited to keep, the newest first. There are
/// no more than a piece, because both have a limit.
fn own(conn: &mut Conn, viewer: UserId, accepted: bool) -> Result<Vec<PetRow>> {
    let mut own = pet_keepers::table
        .inner_join(pets::table)
        .filter(pet_keepers::user_id.eq(viewer))
        .order(pet_keepers::pet_id.desc())
        .limit(PIECE)
        .select(PetRow::as_select())
        .into_boxed();
    // Invitations that are over are dropped with what the viewer does not see.
    if accepted {
        own = own.filter(pet_keepers::accepted.eq(true));
    }
    Ok(own.load(conn)?)
}

/// Those that the viewer keeps and whose name is found, in the order of the words found.
fn own_found(conn: &mut Conn, viewer: UserId, sought: &[String], after: Option<&Place>) -> Result<Candidates> {
    let rows = own(conn, viewer, true)?.into_iter();
    let mut found: Candidates = rows.map(|row| (Place { word: word_of(&row.name, sought), id: row.id }, row)).collect();
    found.retain(|(place, _)| place.word.is_some() && after.is_none_or(|after| place > after));
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// Pets whose name has words that begin with this one, once for each, in the order of the words.
fn found(conn: &mut Conn, first: &str, after: Option<&Place>) -> Result<Candidates> {
    let mut query = pet_words::table
        .inner_join(pets::table)
        .filter(pet_words::word.ge(first).and(pet_words::word.lt(end_of(first))))
        .order((pet_words::word, pet_words::pet_id))
        .limit(PIECE)
        .select((pet_words::word, PetRow::as_select()))
        .into_boxed();
    if let Some(Place { word: Some(word), id }) = after {
        let later = pet_words::word.gt(word).or(pet_words::word.eq(word).and(pet_words::pet_id.gt(*id)));
        // The first half of the condition alone says where to begin in the index.
        query = query.filter(pet_words::word.ge(word)).filter(later);
    }
    let rows: Vec<(String, PetRow)> = query.load(conn)?;
    Ok(rows.into_iter().map(|(word, row)| (Place { word: Some(word), id: row.id }, row)).collect())
}
