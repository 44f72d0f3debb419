//! Table tests of what each role may do, and the page that shows it.

use std::{fmt::Write, fs, path::Path};

use clowder_core::{Id, Timestamp};

use super::*;

const SEATS: [(ChatType, ChatRole); 8] = [
    (ChatType::Private, ChatRole::Member),
    (ChatType::Group, ChatRole::Owner),
    (ChatType::Group, ChatRole::Admin),
    (ChatType::Group, ChatRole::Member),
    (ChatType::Channel, ChatRole::Owner),
    (ChatType::Channel, ChatRole::Admin),
    (ChatType::Channel, ChatRole::Member),
    (ChatType::Channel, ChatRole::Subscriber),
];

const ALL: Rights = Rights { post: true, mention_all: true, pin: true, edit: true, add: true, invite: true };

/// Written down a second time, in another form, so that nobody changes a cell by accident: for each seat, what it always
/// may, and what it may if the chat says so.
#[test]
fn every_cell() {
    use Action::*;
    let chosen = [Post, MentionAll, Pin, Edit, Add, Invite];
    let staff = [
        Post,
        MentionAll,
        Pin,
        Edit,
        Configure,
        SetLifetime,
        SeePeople,
        Add,
        Invite,
        Admit,
        Remove,
        Promote,
        Moderate,
        Mute,
        Ban,
        Review,
        Leave,
    ];
    for (kind, role) in SEATS {
        for (action, ..) in TABLE.iter().copied() {
            let always = match (kind, role) {
                (ChatType::Private, _) => matches!(action, Post | Pin | SetLifetime | SeePeople),
                (_, ChatRole::Owner) => true,
                (_, ChatRole::Admin) => staff.contains(&action),
                (ChatType::Group, _) => matches!(action, SeePeople | Leave),
                (ChatType::Channel, _) => action == Leave,
            };
            let by_right = role == ChatRole::Member && kind != ChatType::Private && chosen.contains(&action);
            for (rights, expected) in [(Rights::NONE, always), (ALL, always || by_right)] {
                let seat = Seat { kind, role, rights, of_group: false };
                assert_eq!(may(seat, action), expected, "{seat:?} {action:?}");
                assert_eq!(allow(seat, action).is_ok(), expected, "{seat:?} {action:?}");
                let of_group = Seat { of_group: true, ..seat };
                let stays = matches!(
                    action,
                    Post | MentionAll | Pin | SetLifetime | SeePeople | Moderate | Mute | Review | Analyse
                );
                assert_eq!(allow(of_group, action).is_ok(), expected && stays, "{seat:?} {action:?}");
            }
        }
        for rights in
            [Rights::of(kind), Rights::NONE, ALL].into_iter().filter(|rights| rights.post || kind != ChatType::Private)
        {
            let seat = Seat { kind, role, rights, of_group: false };
            assert_eq!(may(seat, Post), may_post(role, rights), "{seat:?}");
        }
    }
}

#[test]
fn may_edit_and_may_delete_tables() {
    let (author, other): (UserId, UserId) = (Id::new(Timestamp::from_micros(1)), Id::new(Timestamp::from_micros(1)));
    for (viewer, role, edit, delete) in [
        (author, ChatRole::Member, true, true),
        (other, ChatRole::Member, false, false),
        (other, ChatRole::Admin, false, true),
        (other, ChatRole::Owner, false, true),
    ] {
        let seat = Seat { kind: ChatType::Group, role, rights: ALL, of_group: false };
        assert_eq!((may_edit(viewer, author), may_delete(viewer, seat, author)), (edit, delete), "{role:?}");
    }
}

/// `UPDATE_TABLES=1` writes the page anew.
#[test]
fn the_page_shows_the_table() {
    let mut page = String::from(
        "# What each role may do in a chat\n\n\
         A test writes this page from the table in `crates/messaging/src/policy.rs`. “by right” means that people with this \
         role may do it if the chat gives its members the right (`rights`; [messaging.md](messaging.md#roles-and-rights)); * \
         marks rights that are on in a new chat. In the chat of a group, the group decides about the people, the title and \
         the rights.\n\n\
         | | private chat | group: owner | admin | member | channel: owner | admin | member | subscriber |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (action, what, cells) in TABLE {
        write!(page, "| {what} |").unwrap();
        for (cell, (kind, _)) in cells.iter().zip(SEATS) {
            let shown = match cell {
                Y => "yes",
                N => "no",
                C if has(Rights::of(kind), *action) => "by right*",
                C => "by right",
            };
            write!(page, " {shown} |").unwrap();
        }
        page.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/chat-roles.md");
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test asks for the table to be written")]
    let is_asked = std::env::var_os("UPDATE_TABLES").is_some();
    if is_asked {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "run with UPDATE_TABLES=1 to write {}", path.display());
}
