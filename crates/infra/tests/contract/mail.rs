//! The guarantees of `Mailer`, for both adapters: SMTP and folder.

use std::{os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use clowder_core::{
    Actor, Ctx, Error, Id, Mail, Mailer, Subscription, Timestamp,
    job::{Taken, Work, Worker},
};
use clowder_infra::mail::{Postman, Route, mailer, sender};
use clowder_tests::{Mailbox, Post, ReceivedEmail};

const FROM: &str = "Clowder <clowder@chat.example>";

fn ctx() -> Ctx {
    Ctx::new(Actor::System, Timestamp::from_micros(1_790_000_000_000_000), "test")
}

fn mail(address: &str) -> Mail {
    Mail {
        name: "Ada Lovelace".into(),
        address: address.into(),
        subject: "Grüße — and a subject that is too long for one line of seventy-eight characters, by far".into(),
        text: "Hello.\n.\nA line with a dot alone, ünïcode, and a long one: ".to_owned() + &"x".repeat(2_000),
        html: "<p>Hello, <b>ünïcode</b></p>".into(),
        good_until: None,
        subscription: None,
    }
}

/// What every adapter must guarantee.
async fn keeps_its_promises(mailer: Arc<dyn Mailer>, mailbox: &Mailbox) {
    let sent = mail("ada@example.org");
    mailer.send(&ctx(), "0001", &sent).await.unwrap();
    let email: ReceivedEmail = mailbox.next("ada@example.org").await;
    assert_eq!((email.to_name.as_str(), email.from.as_str()), ("Ada Lovelace", "clowder@chat.example"));
    assert_eq!(email.subject, sent.subject);
    assert_eq!(email.text.replace("\r\n", "\n").trim_end(), sent.text);
    assert_eq!(email.html.trim_end(), sent.html);
    assert_eq!(email.id, "0001@chat.example");
    assert_eq!(email.date, "2026-09-21T14:13:20Z");
    assert_eq!(email.header("Auto-Submitted"), "auto-generated");
    assert_eq!(email.header("MIME-Version"), "1.0");
    assert!(email.header("Content-Type").starts_with("multipart/alternative"), "{}", email.raw);
    assert!(email.raw.is_ascii(), "any server on the way can carry it");
    assert!(email.raw.lines().all(|line| line.len() <= 998), "RFC 5322 §2.1.1");

    // International domains are sent in ASCII.
    mailer.send(&ctx(), "0002", &mail("jo@bücher.example")).await.unwrap();
    mailbox.next("jo@xn--bcher-kva.example").await;

    // User input cannot add headers to an email.
    let mut hostile = mail("eve@example.org");
    hostile.name = "\"Eve\" <evil@example.org>\r\nBcc: victim@example.org\r\n\r\n<script>".into();
    hostile.subject = "Hi\r\nBcc: victim@example.org\r\n\r\nBuy".into();
    mailer.send(&ctx(), "0003", &hostile).await.unwrap();
    let email = mailbox.next("eve@example.org").await;
    assert_eq!(email.header("Bcc"), "", "{}", email.raw);
    assert!(email.text.starts_with("Hello."), "the body begins where it should: {}", email.raw);

    // What an email comes by stands in headers of their own, unbroken however long an address is.
    let unsubscribe_url = format!("https://chat.example/api/notices/unsubscribe/{}", "t".repeat(300));
    let subscription = Subscription {
        list: "digest".into(),
        unsubscribe_url: unsubscribe_url.clone(),
        thread: Some("thread-1".into()),
    };
    let listed = Mail { subscription: Some(subscription), ..mail("list@example.org") };
    mailer.send(&ctx(), "0009", &listed).await.unwrap();
    let email = mailbox.next("list@example.org").await;
    assert_eq!(email.header("List-Id"), "<digest.chat.example>");
    assert_eq!(email.header("List-Unsubscribe"), format!("<{unsubscribe_url}>"));
    assert_eq!(email.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert_eq!(
        (email.header("In-Reply-To"), email.header("References")),
        ("<thread-1@chat.example>", "<thread-1@chat.example>")
    );

    // An invalid address is refused permanently, and not retried for a day.
    for wrong in ["", "nobody", "a b@example.org", "a@b@", "x@\r\ny.example", "ada@exa mple.org", "<ada@example.org>"] {
        let error = mailer.send(&ctx(), "0004", &mail(wrong)).await.unwrap_err();
        assert!(!error.is_ours(), "{wrong:?}: {error}");
    }
}

#[tokio::test]
async fn into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("mail");
    let way = mailer(&Route::Folder(folder.clone()), FROM).unwrap();
    keeps_its_promises(way.clone(), &Mailbox::new(&folder)).await;

    // Emails give access to accounts: only the server's user may read them.
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "no draft stays behind");
    assert!(files.iter().all(|file| mode(file) == 0o600));

    // The same email again is the same file.
    way.send(&ctx(), "0001", &mail("ada@example.org")).await.unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4);
    std::fs::remove_dir_all(&folder).unwrap();
    let error = way.send(&ctx(), "0005", &mail("ada@example.org")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "somebody may mend it: {error}");
}

#[tokio::test]
async fn old_emails_do_not_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let way = mailer(&Route::Folder(folder.to_owned()), FROM).unwrap();
    let days_ago = |name: &str, days: u64| {
        let file = std::fs::File::create(folder.join(name)).unwrap();
        let now = std::time::UNIX_EPOCH + Duration::from_micros(ctx().now.as_micros().unsigned_abs());
        file.set_modified(now - Duration::from_secs(days * 24 * 3600)).unwrap();
    };
    let names = || {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    for (name, days) in [("old.eml", 31), (".old.draft", 31), ("young.eml", 29), ("notes.txt", 400)] {
        days_ago(name, days);
    }
    way.send(&ctx(), "0001", &mail("ada@example.org")).await.unwrap();
    assert_eq!(names(), ["0001.eml", "notes.txt", "young.eml"]);
    // The folder may be large: it is not searched for every email.
    days_ago("old.eml", 31);
    way.send(&ctx(), "0002", &mail("ada@example.org")).await.unwrap();
    assert!(names().contains(&"old.eml".to_owned()));
    let later = Ctx { now: ctx().now.plus(Duration::from_secs(3600)), ..ctx() };
    way.send(&later, "0003", &mail("ada@example.org")).await.unwrap();
    assert!(!names().contains(&"old.eml".to_owned()));
}

#[tokio::test]
async fn over_smtp() {
    let mut post = Post::start(&["--refuse", "refused", "--defer", "deferred"]).await;
    let way = mailer(&Route::Smtp(post.url()), FROM).unwrap();
    keeps_its_promises(way.clone(), &post.mailbox).await;
    let refused = way.send(&ctx(), "0005", &mail("refused@example.org")).await.unwrap_err();
    assert!(!refused.is_ours() && refused.to_string().contains("550"), "{refused}");
    let deferred = way.send(&ctx(), "0006", &mail("deferred@example.org")).await.unwrap_err();
    assert!(matches!(deferred, Error::Unavailable(_)) && deferred.to_string().contains("451"), "{deferred}");
    post.stop().await;
    let down = way.send(&ctx(), "0007", &mail("ada@example.org")).await.unwrap_err();
    assert!(matches!(down, Error::Unavailable(_)), "{down}");
    // The cached connection is broken, which must not cost an email.
    post.again(&[]).await;
    way.send(&ctx(), "0007", &mail("ada@example.org")).await.unwrap();
    assert_eq!(post.mailbox.all().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_does_not_hold_us_for_ever() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let way = mailer(&Route::Smtp(url), FROM).unwrap();
    let error = way.send(&ctx(), "0001", &mail("ada@example.org")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn what_cannot_be_a_way_is_said_at_once_and_without_the_password() {
    for wrong in ["http://localhost", "smtp://", "localhost:25", "smtp://host?tls=maybe", ""] {
        assert!(mailer(&Route::Smtp(wrong.into()), FROM).is_err(), "{wrong}");
    }
    let way = mailer(&Route::Smtp("smtps://ada:s3cret@mail.example:465?tls=required".into()), FROM).unwrap();
    assert_eq!(way.describe(), "SMTP server mail.example:465");
    for wrong in ["", "Clowder", "Clowder <nowhere>", "a@b.example, c@d.example"] {
        assert!(mailer(&Route::Folder("/tmp".into()), wrong).is_err(), "{wrong}");
    }
    assert_eq!((sender(FROM).unwrap(), sender("x@chat.example").unwrap()), ("Clowder".into(), "chat.example".into()));
}

#[tokio::test]
async fn what_a_email_holds_may_expire_before_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let postman =
        Postman(mailer(&Route::Folder(folder.path().join("mail")), "Clowder <clowder@bücher.example>").unwrap());
    let late = Ctx { now: ctx().now.plus(Duration::from_secs(1800)), ..ctx() };
    for (until, sent) in [(None, 1), (Some(late.now), 1), (Some(late.now.plus(Duration::from_secs(1))), 2)] {
        let payload = serde_json::to_vec(&Mail { good_until: until, ..mail("ada@example.org") }).unwrap();
        let job =
            Taken { id: Id::new(late.now), kind: Mail::KIND.into(), payload, attempts: 9, lease: Id::new(late.now) };
        postman.work(&late, &job).await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("mail")).unwrap().count(), sent, "{until:?}");
    }
    let email = Mailbox::new(folder.path().join("mail")).next("ada@example.org").await;
    assert_eq!(email.from, "clowder@xn--bcher-kva.example", "ours travels in ASCII, too");
}
