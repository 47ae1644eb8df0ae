-- Times are unix seconds of the business clock, except where a column says real time.

-- One row per opened window and per charge; `body` is V1's payment object.
CREATE TABLE IF NOT EXISTS payments (
    id INTEGER PRIMARY KEY,
    imp_uid TEXT NOT NULL UNIQUE,
    merchant_uid TEXT NOT NULL,
    status TEXT NOT NULL,
    customer_uid TEXT,
    is_test INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    paid_at INTEGER NOT NULL DEFAULT 0,
    failed_at INTEGER NOT NULL DEFAULT 0,
    cancelled_at INTEGER NOT NULL DEFAULT 0,
    updated_at INTEGER NOT NULL,
    notice_url TEXT,                          -- JSON: a string or a list of strings
    phone TEXT,                               -- the phone number that pays
    cancelled_at_kg INTEGER NOT NULL DEFAULT 0, -- cancelled at KG, unknown to PortOne
    reverse_at INTEGER NOT NULL DEFAULT 0,    -- when the carrier reverses it; 0: never
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS payments_by_merchant_uid ON payments (merchant_uid, started_at);
CREATE INDEX IF NOT EXISTS payments_by_customer_uid ON payments (customer_uid, started_at) WHERE customer_uid IS NOT NULL;
CREATE INDEX IF NOT EXISTS payments_by_start ON payments (started_at);
CREATE INDEX IF NOT EXISTS payments_by_status ON payments (status, started_at);
CREATE INDEX IF NOT EXISTS payments_to_reverse ON payments (reverse_at) WHERE reverse_at > 0;
CREATE UNIQUE INDEX IF NOT EXISTS approved_once ON payments (merchant_uid) WHERE status IN ('paid', 'cancelled');

CREATE TABLE IF NOT EXISTS prepared (merchant_uid TEXT PRIMARY KEY, amount INTEGER NOT NULL, currency TEXT);

-- `last_imp_uid` is the latest approved charge: KG compares the next month with it.
CREATE TABLE IF NOT EXISTS billing_keys (
    customer_uid TEXT PRIMARY KEY,
    phone TEXT NOT NULL,
    first_imp_uid TEXT NOT NULL,
    last_imp_uid TEXT NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS schedules (
    id INTEGER PRIMARY KEY,
    merchant_uid TEXT NOT NULL UNIQUE,
    customer_uid TEXT NOT NULL,
    status TEXT NOT NULL,                     -- scheduled | executed | revoked
    schedule_at INTEGER NOT NULL,
    notice_url TEXT,
    body TEXT NOT NULL                        -- V1's schedule object
);
CREATE INDEX IF NOT EXISTS schedules_due ON schedules (schedule_at) WHERE status = 'scheduled';
CREATE INDEX IF NOT EXISTS schedules_by_moment ON schedules (schedule_at);
CREATE INDEX IF NOT EXISTS schedules_by_customer_uid ON schedules (customer_uid, schedule_at);

CREATE TABLE IF NOT EXISTS windows (
    id TEXT PRIMARY KEY,
    imp_uid TEXT NOT NULL REFERENCES payments (imp_uid),
    device TEXT NOT NULL,
    page_url TEXT NOT NULL,
    callback INTEGER NOT NULL,
    params TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    phone TEXT,
    sms_code TEXT,
    sms_expires_at INTEGER NOT NULL DEFAULT 0, -- real time
    attempts INTEGER NOT NULL DEFAULT 0,
    delivery TEXT NOT NULL DEFAULT 'normal',
    result TEXT
);
CREATE INDEX IF NOT EXISTS windows_by_imp_uid ON windows (imp_uid);

-- Outbox and log of webhooks: a row stays after it was sent.
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    imp_uid TEXT NOT NULL,
    url TEXT NOT NULL,
    format TEXT NOT NULL,
    body TEXT NOT NULL,
    due_at REAL,                              -- null: not waiting
    held INTEGER NOT NULL DEFAULT 0,          -- held back until the next webhook is sent
    taken_until REAL NOT NULL DEFAULT 0,      -- real time; end of the sender's lease
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    answered_at INTEGER,
    answer_status INTEGER,
    answer TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    fault TEXT NOT NULL,
    value TEXT NOT NULL,                      -- JSON
    body TEXT,                                -- v1 | html, for `status`
    left_over INTEGER,                        -- remaining count; null: unlimited
    probability REAL NOT NULL,
    seed INTEGER NOT NULL,
    draws INTEGER NOT NULL DEFAULT 0
);

-- Refusals that happen once and have happened.
CREATE TABLE IF NOT EXISTS refused_once (what TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS tokens (imp_key TEXT PRIMARY KEY, token TEXT NOT NULL, expired_at INTEGER NOT NULL); -- real time
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
