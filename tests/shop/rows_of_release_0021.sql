INSERT INTO products (id, slug, kind, position, name_ko, name_en, summary_ko, summary_en, price, digital, stock, picture, on_sale)
  VALUES (1, 'bear', 'once', 1, '곰', 'Bear', '', '', 3900, true, NULL, 'bear.svg', true),
         (2, 'small', 'monthly', 2, '작은 구독', 'Small', '', '', 4900, true, NULL, 'small.svg', true),
         (3, 'large', 'monthly', 3, '큰 구독', 'Large', '', '', 9900, true, NULL, 'large.svg', true);
INSERT INTO users (id, email, password_hash, role, created_at)
  VALUES (7, 'hong@example.com', 'x', 'buyer', '2026-09-01 00:00:00'),
         (8, 'kim@example.com', 'x', 'buyer', '2026-09-01 00:00:00');
INSERT INTO orders (id, user_id, kind, status, amount, digital, buyer_name, buyer_tel, buyer_email, created_at, expires_at, paid_at, paid_by, cancel_wanted_at)
  VALUES (11, 7, 'once', 'paid', 3900, true, '홍길동', '01012345678', 'Hong@Example.com', '2026-11-02 01:00:00', '2026-11-02 01:30:00', '2026-11-02 01:02:00', 'paid', NULL),
         (12, 7, 'once', 'paid', 3900, true, '홍길동', '01012345678', 'Hong@Example.com', '2026-11-03 01:00:00', '2026-11-03 01:30:00', '2026-11-03 01:02:00', 'wanted', '2026-11-04 01:00:00'),
         (13, 7, 'once', 'cancelled', 3900, true, '홍길동', '01012345678', 'Hong@Example.com', '2026-11-04 01:00:00', '2026-11-04 01:30:00', '2026-11-04 01:02:00', 'back', NULL),
         (14, 7, 'once', 'expired', 3900, true, '홍길동', '01098765432', 'hong@example.com', '2026-11-05 01:00:00', '2026-11-05 01:30:00', NULL, NULL, NULL),
         (15, 8, 'once', 'pending', 3900, true, '김철수', '0111112222', 'kim@example.com', '2026-11-29 02:00:00', '2026-11-29 03:30:00', NULL, NULL, NULL),
         (16, 7, 'monthly', 'paid', 4900, true, '홍길동', '01012345678', 'Hong@Example.com', '2026-10-15 01:00:00', '2026-10-15 01:30:00', '2026-10-15 01:02:00', 'first-live', NULL),
         (17, 8, 'monthly', 'paid', 4900, true, '김철수', '0111112222', 'kim@example.com', '2026-09-20 01:00:00', '2026-09-20 01:30:00', '2026-09-20 01:02:00', 'first-ended', NULL),
         (18, 8, 'monthly', 'expired', 9900, true, '김철수', '0111112222', 'kim@example.com', '2026-11-06 01:00:00', '2026-11-06 01:30:00', NULL, NULL, NULL);
INSERT INTO order_lines (order_id, product_id, name_ko, name_en, unit_price, quantity)
  VALUES (11, 1, '곰', 'Bear', 3900, 1), (12, 1, '곰', 'Bear', 3900, 1), (13, 1, '곰', 'Bear', 3900, 1),
         (14, 1, '곰', 'Bear', 3900, 1), (15, 1, '곰', 'Bear', 3900, 1), (16, 2, '작은 구독', 'Small', 4900, 1),
         (17, 2, '작은 구독', 'Small', 4900, 1), (18, 3, '큰 구독', 'Large', 9900, 1);
INSERT INTO billing_keys (id, customer_uid, user_id, status, buyer_name, buyer_tel, buyer_email, tel_tail, pg_provider, created_at, issued_at, ended_at, end_reason)
  VALUES (21, 'key-live', 7, 'active', '홍길동', '01012345678', 'Hong@Example.com', '5678', 'mobilians', '2026-10-15 01:00:00', '2026-10-15 01:02:00', NULL, NULL),
         (22, 'key-ended', 8, 'deleted', '김철수', '0111112222', 'kim@example.com', '2222', 'mobilians', '2026-09-20 01:00:00', '2026-09-20 01:02:00', '2026-11-20 01:00:00', 'missed'),
         (23, 'key-none', 8, 'abandoned', '김철수', '0111112222', 'kim@example.com', '2222', NULL, '2026-11-06 01:00:00', NULL, NULL, NULL);
INSERT INTO subscriptions (id, token, user_id, product_id, order_id, customer_uid, status, amount, anchor_day, next_charge_on, created_at, started_at, ended_at, end_reason)
  VALUES (31, 'a1', 7, 2, 16, 'key-live', 'active', 4900, 15, '2026-12-15', '2026-10-15 01:00:00', '2026-10-15 01:02:00', NULL, NULL),
         (32, 'b2', 8, 2, 17, 'key-ended', 'ended', 4900, 20, NULL, '2026-09-20 01:00:00', '2026-09-20 01:02:00', '2026-11-20 01:00:00', 'missed'),
         (33, 'c3', 8, 3, 18, NULL, 'pending', 9900, NULL, NULL, '2026-11-06 01:00:00', NULL, NULL, NULL);
INSERT INTO payments (id, merchant_uid, kind, order_id, subscription_id, period, customer_uid, plan_id, buyer_name, buyer_email, buyer_tel, tel_tail, name, amount, is_test_channel, status, held_reason, imp_uid, pg_provider, reported_amount, cancelled_amount, created_at, paid_at, failed_at, cancelled_at, cancel_requested_at)
  VALUES (41, 'paid', 'once', 11, NULL, NULL, NULL, NULL, '홍길동', 'hong@example.com', '010-****-5678', '5678', '곰', 3900, true, 'paid', NULL, 'imp_41', 'mobilians', 3900, 0, '2026-11-02 01:00:00', '2026-11-02 01:02:00', NULL, NULL, NULL),
         (42, 'twice', 'once', 11, NULL, NULL, NULL, NULL, '홍길동', 'hong@example.com', '010-****-5678', '5678', '곰', 3900, true, 'paid', 'surplus', 'imp_42', 'mobilians', 3900, 0, '2026-11-02 16:00:00', '2026-11-02 16:02:00', NULL, NULL, NULL),
         (43, 'wanted', 'once', 12, NULL, NULL, NULL, NULL, '홍길동', 'hong@example.com', '010-****-5678', '5678', '곰', 3900, true, 'paid', NULL, 'imp_43', 'mobilians', 3900, 0, '2026-11-03 01:00:00', '2026-11-03 01:02:00', NULL, NULL, '2026-11-04 02:00:00'),
         (44, 'back', 'once', 13, NULL, NULL, NULL, NULL, '홍길동', 'hong@example.com', '010-****-5678', '5678', '곰', 3900, true, 'cancelled', NULL, 'imp_44', 'danal', 3900, 3900, '2026-11-04 01:00:00', '2026-11-04 01:02:00', NULL, '2026-11-04 02:00:00', '2026-11-04 01:59:00'),
         (45, 'declined', 'once', 14, NULL, NULL, NULL, NULL, '홍길동', 'hong@example.com', '010-****-5432', '5432', '곰', 3900, true, 'failed', NULL, 'imp_45', 'mobilians', 3900, 0, '2026-11-05 01:00:00', NULL, '2026-11-05 01:02:00', NULL, NULL),
         (46, 'left-open', 'once', 14, NULL, NULL, NULL, NULL, '홍길동', 'hong@example.com', '010-****-5432', '5432', '곰', 3900, true, 'ready', NULL, NULL, NULL, NULL, 0, '2026-11-05 01:05:00', NULL, NULL, NULL, NULL),
         (47, 'no-answer', 'once', 15, NULL, NULL, NULL, NULL, '김철수', 'kim@example.com', '011-****-2222', '2222', '곰', 3900, true, 'ready', NULL, NULL, NULL, NULL, 0, '2026-11-29 02:00:00', NULL, NULL, NULL, NULL),
         (48, 'other-channel', 'once', 14, NULL, NULL, NULL, NULL, '홍길동', 'hong@example.com', '010-****-5432', '5432', '곰', 3900, true, 'ready', 'channel', 'imp_48', 'mobilians', 3900, 0, '2026-11-05 01:10:00', '2026-11-05 01:12:00', NULL, NULL, NULL),
         (49, 'first-live', 'first', 16, NULL, '2026-10', 'key-live', 2, '홍길동', 'hong@example.com', '010-****-5678', '5678', '작은 구독', 4900, true, 'paid', NULL, 'imp_49', 'mobilians', 4900, 0, '2026-10-15 01:00:00', '2026-10-15 01:02:00', NULL, NULL, NULL),
         (50, 'first-ended', 'first', 17, NULL, '2026-09', 'key-ended', 2, '김철수', 'kim@example.com', '011-****-2222', '2222', '작은 구독', 4900, true, 'paid', NULL, 'imp_50', 'mobilians', 4900, 0, '2026-09-20 01:00:00', '2026-09-20 01:02:00', NULL, NULL, NULL),
         (51, 'first-declined', 'first', 18, NULL, NULL, 'key-none', 3, '김철수', 'kim@example.com', '011-****-2222', '2222', '큰 구독', 9900, true, 'failed', NULL, 'imp_51', 'mobilians', 9900, 0, '2026-11-06 01:00:00', NULL, '2026-11-06 01:02:00', NULL, NULL),
         (52, 'month-paid', 'renewal', NULL, 31, '2026-11', 'key-live', 2, '홍길동', 'hong@example.com', '010-****-5678', '5678', '작은 구독 11월', 4900, true, 'paid', NULL, 'imp_52', 'mobilians', 4900, 0, '2026-11-15 01:00:00', '2026-11-15 01:01:00', NULL, NULL, NULL),
         (53, 'month-declined', 'renewal', NULL, 32, '2026-10', 'key-ended', 2, '김철수', 'kim@example.com', '011-****-2222', '2222', '작은 구독 10월', 4900, true, 'failed', NULL, 'imp_53', 'mobilians', 4900, 0, '2026-10-20 01:00:00', NULL, '2026-10-20 01:01:00', NULL, NULL),
         (54, 'month-back', 'renewal', NULL, 32, '2026-10', 'key-ended', 2, '김철수', 'kim@example.com', '011-****-2222', '2222', '작은 구독 10월', 4900, true, 'cancelled', NULL, 'imp_54', 'mobilians', 4900, 4900, '2026-10-21 01:00:00', '2026-10-21 01:01:00', NULL, '2026-10-21 02:00:00', '2026-10-21 01:59:00'),
         (55, 'month-open', 'renewal', NULL, 31, '2026-12', 'key-live', 2, '홍길동', 'hong@example.com', '010-****-5678', '5678', '작은 구독 12월', 4900, true, 'ready', NULL, NULL, NULL, NULL, 0, '2026-11-28 01:00:00', NULL, NULL, NULL, NULL);
INSERT INTO events (id, at, source, payment_id, merchant_uid, imp_uid, outcome, reason, claimed)
  VALUES (61, '2026-11-02 01:02:00', 'callback', 41, 'paid', 'imp_41', 'paid', 'as asked', '{}'),
         (62, '2026-11-29 02:02:00', 'callback', 47, 'no-answer', NULL, 'unknown', 'no answer: timed out', '{}'),
         (63, '2026-11-15 01:05:00', 'webhook', 52, 'month-paid', 'imp_99', 'unknown', 'surplus imp_99 was not given back: month', '{}')
