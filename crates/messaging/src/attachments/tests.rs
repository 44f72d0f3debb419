//! What can be attached, and what becomes of the type of a message.

use clowder_core::{Id, Input, Timestamp};
use serde_json::json;

use super::*;
use crate::{NewMessage, refusals::MESSAGE_NOT_FORWARDABLE};

fn id<T>(n: u128) -> Id<T> {
    Id::from_uuid(uuid::Uuid::from_u128(n))
}

const ADA: u128 = 1;
const BOB: u128 = 2;

fn file(n: u128, kind: &str, status: AttachmentStatus) -> Attachment {
    Attachment { name: Some("a".into()), kind: Some(kind.into()), size: Some(1), status, ..Attachment::deleted(id(n)) }
}

fn found(owner: u128, voice: bool, shown: Option<Attachment>) -> Found {
    Found { owner: id(owner), voice, shown }
}

fn files() -> Files {
    use AttachmentStatus::*;
    let all = [
        (10, found(ADA, false, Some(file(10, "image/png", Ready)))),
        (11, found(ADA, false, Some(file(11, "video/mp4", Scanning)))),
        (12, found(ADA, true, Some(file(12, "video/webm", Ready)))),
        (13, found(ADA, false, Some(file(13, "text/plain", Ready)))),
        (14, found(ADA, false, Some(file(14, "image/png", Quarantined)))),
        (15, found(ADA, false, Some(file(15, "image/png", Failed)))),
        (16, found(ADA, false, None)),
        (17, found(BOB, false, Some(file(17, "audio/ogg", Ready)))),
        (18, found(ADA, false, Some(file(18, "audio/ogg", Ready)))),
    ];
    all.into_iter().map(|(n, found)| (id(n), found)).collect()
}

fn told<T>(result: Result<T>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(errors)) => errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect(),
        Err(Error::Refused(refusal)) => vec![refusal.code.to_owned()],
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn only_own_files_that_are_there_can_be_attached() {
    for (given, wrong) in [
        (&[10_u128, 11, 12, 13] as &[u128], &[] as &[&str]),
        (&[17], &["/attachments/0 no_file"]),
        (&[99], &["/attachments/0 no_file"]),
        (
            &[10, 14, 15, 16, 17],
            &[
                "/attachments/1 unusable",
                "/attachments/2 unusable",
                "/attachments/3 not_ready",
                "/attachments/4 no_file",
            ],
        ),
    ] {
        let given: Vec<FileId> = given.iter().map(|n| id(*n)).collect();
        assert_eq!(told(attach(&given, &files(), id(ADA), &[])), wrong, "{given:?}");
    }
    // What a message has already stays, whatever has become of it.
    let already = [Attachment::deleted(id(99)), file(14, "image/png", AttachmentStatus::Quarantined)];
    let kept = attach(&[id(14), id(99)], &files(), id(ADA), &already).unwrap();
    assert_eq!(kept, [already[1].clone(), already[0].clone()], "in the order that was given");
}

#[test]
fn what_is_forwarded_has_the_files_that_are_still_there() {
    let given = [id(99), id(17), id(14)];
    let ids: Vec<FileId> = attach_forwarded(&given, &files(), false).unwrap().into_iter().map(|file| file.id).collect();
    assert_eq!(ids, [id(17)], "also one of somebody else");
    assert_eq!(attach_forwarded(&given[..1], &files(), true).unwrap(), []);
    assert_eq!(told(attach_forwarded(&given[..1], &files(), false)), [MESSAGE_NOT_FORWARDABLE.code]);
}

#[test]
fn the_type_says_what_the_files_are() {
    let some =
        |given: &[u128]| -> Vec<Attachment> { given.iter().map(|n| files()[&id(*n)].shown.clone().unwrap()).collect() };
    for (given, kind) in [
        (&[] as &[u128], SentType::Text),
        (&[10], SentType::Image),
        (&[11], SentType::Video),
        (&[12], SentType::Voice),
        (&[12, 12], SentType::File),
        (&[13], SentType::File),
        (&[18], SentType::File),
        (&[10, 11], SentType::File),
    ] {
        assert_eq!(type_of(None, &some(given), &files()).unwrap(), kind, "{given:?}");
    }
    for (kind, given, fits) in [
        (SentType::Text, &[] as &[u128], true),
        (SentType::Text, &[10], true),
        (SentType::File, &[10], true),
        (SentType::Image, &[10, 10], true),
        (SentType::Image, &[10, 11], false),
        (SentType::Video, &[12], false),
        (SentType::Voice, &[18], true),
        (SentType::Voice, &[18, 18], false),
        (SentType::Voice, &[10], false),
        (SentType::Poll, &[10], false),
    ] {
        assert_eq!(type_of(Some(kind), &some(given), &files()).is_ok(), fits, "{kind:?} {given:?}");
    }
    assert_eq!(type_after(MessageType::Image, &some(&[10]), &files()), MessageType::Image);
    assert_eq!(type_after(MessageType::Image, &some(&[13]), &files()), MessageType::File);
    assert_eq!(type_after(MessageType::Image, &[], &files()), MessageType::Text);
    assert_eq!(type_after(MessageType::Text, &some(&[10]), &files()), MessageType::Text);
    let deleted = [Attachment::deleted(id(10))];
    assert_eq!(type_after(MessageType::File, &deleted, &files()), MessageType::File);
}

#[test]
fn a_message_says_something_or_has_files() {
    let now = Timestamp::from_micros(1);
    let (one, two) = (FileId::new(now), FileId::new(now));
    let many: Vec<FileId> = (0..11).map(|_| FileId::new(now)).collect();
    for (new, wrong) in [
        (json!({"attachments": [one]}), &[] as &[&str]),
        (json!({"content": "", "attachments": [one, two]}), &[]),
        (json!({"content": null, "attachments": [one], "type": "image"}), &[]),
        (json!({"content": "hi", "attachments": null}), &[]),
        (json!({"attachments": []}), &["/content required"]),
        (json!({"content": ""}), &["/content required"]),
        (json!({}), &["/content required"]),
        (json!({"content": "  ", "attachments": [one]}), &["/content required"]),
        (json!({"content": "hi", "attachments": [one, one]}), &["/attachments/1 distinct"]),
        (json!({"content": "hi", "attachments": many}), &["/attachments too_many"]),
        (json!({"content": "hi", "attachments": ["x"]}), &["/attachments/0 uuid"]),
        (json!({"content": "hi", "attachments": one}), &["/attachments type"]),
        (json!({"content": "hi", "type": "image"}), &["/attachments required"]),
        (
            json!({"content": "?", "type": "poll", "poll": {"options": ["a", "b"]}, "attachments": [one]}),
            &["/attachments unwanted"],
        ),
        (json!({"content": "", "type": "poll", "poll": {"options": ["a", "b"]}}), &["/content required"]),
    ] {
        assert_eq!(told(NewMessage::from_json(new.clone())), wrong, "{new}");
    }
}
