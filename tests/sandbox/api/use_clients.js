/* What a shop does with a public client of npm, as a program of its own: node use_clients.js <client> <address> <facts>.
 *
 * Run by test_clients.py with the clients on its path. `facts` is JSON: a paid payment of `order-1`, the key `key-1`
 * whose month is due, and a moment to schedule at. Prints the names of the expected differences that it met; any other
 * difference ends it with an error. */
"use strict";

const assert = require("assert");

const [client, address, facts] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4])];
const [KEY, SECRET] = ["imp_apikey", "sandbox_secret"];
const CARD = { card_number: "1234-1234-1234-1234", expiry: "2060-01", birth: "900101", pwd_2digit: "00" };
const LATER = { schedule_at: facts.later, amount: 9900, name: "월 이용권" };

const met = (difference) => console.log(difference);

async function useIamport() {
  const Iamport = require("iamport");
  Iamport.DEFAULT_HOST = address; // the only way to name another server
  const { payment, subscribe, subscribe_customer: keys, ...others } = new Iamport({ impKey: KEY, impSecret: SECRET });
  const paid = await payment.getByImpUid({ imp_uid: facts.imp_uid });
  assert.deepStrictEqual(await payment.getByMerchant({ merchant_uid: "order-1" }), paid);
  await assert.rejects(payment.getByImpUid({ imp_uid: facts.test_imp_uid }), { code: "HTTP_404" });
  met("test payments are hidden");
  const listed = await payment.getByStatus({ payment_status: "paid", limit: 1000 });
  assert(listed.list.some((one) => one.imp_uid === facts.imp_uid));
  await payment.prepare({ merchant_uid: "prepared-1", amount: 5000 });
  assert.strictEqual((await payment.getPrepare({ merchant_uid: "prepared-1" })).amount, 5000);

  const charged = await subscribe.again({ customer_uid: "key-1", merchant_uid: "again-1", amount: 9900 });
  assert.strictEqual(charged.status, "paid");
  const [later] = await subscribe.schedule({
    customer_uid: "key-1", schedules: [{ merchant_uid: "later-1", ...LATER }],
  });
  assert.strictEqual(later.schedule_status, "scheduled");
  const [revoked] = await subscribe.unschedule({ customer_uid: "key-1", merchant_uid: ["later-1"] });
  assert.strictEqual(revoked.schedule_status, "revoked");
  await assert.rejects(subscribe.onetime({ merchant_uid: "o-1", amount: 9900, ...CARD }), { code: "IAMPORT_1" });
  await assert.rejects(keys.create({ customer_uid: "card-1", ...CARD }), { code: "IAMPORT_1" });
  met("no keys from card numbers");
  await assert.rejects(others.certification.get({ imp_uid: "imp_1" }), { code: "HTTP_404" });
  await assert.rejects(others.vbank.create({
    merchant_uid: "v-1", amount: 9900, vbank_code: "03", vbank_due: facts.later, vbank_holder: "x",
  }), { code: "HTTP_404" });
  met("other V1 addresses are not imitated");

  const cancelled = await payment.cancel({ imp_uid: charged.imp_uid, checksum: 9900 });
  assert.strictEqual(cancelled.cancel_amount, 9900);
  assert.strictEqual((await keys.get({ customer_uid: "key-1" })).pg_provider, "mobilians");
  assert.strictEqual((await keys.delete({ customer_uid: "key-1" })).customer_uid, "key-1");
  await assert.rejects(keys.get({ customer_uid: "key-1" }), { code: "IAMPORT_1" });
  const stranger = new Iamport({ impKey: KEY, impSecret: "wrong" });
  await assert.rejects(stranger.payment.getByMerchant({ merchant_uid: "order-1" }), { code: "HTTP_401" });
}

async function useRestClientNodejs() {
  const { Iamport, Request } = require("iamport-rest-client-nodejs");
  const { Payments, Prepare, Subscribe, Customers, Certifications, Vbanks, Banks } = Request;
  const iamport = new Iamport({ apiKey: KEY, apiSecret: SECRET, baseUrl: address });
  const ask = async (request) => (await request.request(iamport)).data.response;
  const refused = async (request, code, status) => {
    await assert.rejects(request.request(iamport), ({ response }) => {
      assert.deepStrictEqual([response.data.code, response.status], [code, status]); // no status: HTTP 200
      return true;
    });
  };

  const paid = await ask(Payments.getByImpUid({ imp_uid: facts.imp_uid }));
  assert.strictEqual(paid.status, "paid");
  assert.deepStrictEqual(await ask(Payments.getByMerchantUid({ merchant_uid: "order-1", status: "paid" })), paid);
  const all = await ask(Payments.getByMerchantUids({ merchant_uid: "order-1", status: "paid" }));
  assert.deepStrictEqual([all.total, all.next, all.list.length], [1, 0, 1]);
  const some = (await Payments.getByImpUids({ imp_uid: [facts.imp_uid, "imp_0"] }).request(iamport)).data;
  assert.deepStrictEqual([some.response.length, some.failed], [1, ["imp_0"]]);
  await refused(Payments.getByImpUid({ imp_uid: facts.test_imp_uid }), -1, 404);
  met("test payments are hidden");
  await refused(Payments.getAmountByImpUid({ imp_uid: facts.imp_uid }), -1, 404);
  met("no parts of an amount");
  await ask(Prepare.postAmount({ merchant_uid: "prepared-1", amount: 5000 }));
  assert.strictEqual((await ask(Prepare.getAmount({ merchant_uid: "prepared-1" }))).amount, 5000);

  const charged = await ask(Subscribe.again({ customer_uid: "key-1", merchant_uid: "again-1", amount: 9900 }));
  assert.strictEqual(charged.status, "paid");
  await ask(Subscribe.schedule({ customer_uid: "key-1", schedules: [{ merchant_uid: "later-1", ...LATER }] }));
  assert.strictEqual((await ask(Subscribe.getScheduled({ merchant_uid: "later-1" }))).schedule_status, "scheduled");
  const range = { customer_uid: "key-1", page: 1, from: facts.later - 1, to: facts.later + 1 };
  for (const list of [Subscribe.getScheduleds(range), Customers.getScheduleds(range)]) {
    await assert.rejects(list.request(iamport), TypeError);
  }
  met("schedules are listed as an array");
  await turn({ schedule_lists: "page" });
  for (const list of [Subscribe.getScheduleds(range), Customers.getScheduleds(range)]) {
    assert.deepStrictEqual((await ask(list)).list.map((one) => one.merchant_uid), ["later-1"]);
  }
  await ask(Subscribe.unschedule({ customer_uid: "key-1", merchant_uid: "later-1" }));
  await refused(Customers.postBillingKey({ customer_uid: "card-1", ...CARD }), 1, undefined);
  met("no keys from card numbers");
  for (const other of [Certifications.getCertification({ imp_uid: "imp_1" }), Banks.getBanks()]) {
    await refused(other, -1, 404);
  }
  met("other V1 addresses are not imitated");

  const cancelled = await ask(Payments.cancel({ imp_uid: charged.imp_uid, checksum: 9900, reason: "고객 변심" }));
  assert.strictEqual(cancelled.cancel_amount, 9900);
  const keys = await ask(Customers.getBillingKeys({ customer_uid: ["key-1", "nobodys"] }));
  assert.strictEqual(keys.length, 1);
  assert.strictEqual((await ask(Customers.getPayments({ customer_uid: "key-1", page: 1 }))).total, 2);
  assert.strictEqual((await ask(Customers.deleteBillingKey({ customer_uid: "key-1" }))).customer_uid, "key-1");
  await refused(Customers.getBillingKey({ customer_uid: "key-1" }), 1, undefined);
}

async function useIamporter() {
  const { Iamporter } = require("iamporter");
  const client = new Iamporter({ apiKey: KEY, secret: SECRET, host: address });
  const paid = await client.findByImpUid(facts.imp_uid);
  assert.deepStrictEqual((await client.findByMerchantUid("order-1")).data, paid.data);
  assert.strictEqual((await client.findByImpUid(facts.test_imp_uid)).status, 404); // this client takes it for a success
  met("test payments are hidden");
  assert.strictEqual((await client.findAllByMerchantUid("order-1")).data.total, 1);
  await client.createPreparedPayment({ merchant_uid: "prepared-1", amount: 5000 });
  assert.strictEqual((await client.getPreparedPayment("prepared-1")).data.amount, 5000);
  const again = { customer_uid: "key-1", merchant_uid: "again-1", amount: 9900 };
  assert.strictEqual((await client.paySubscription(again)).data.status, "paid");
  await assert.rejects(client.createSubscription({ customer_uid: "card-1", ...CARD }), /비인증결제모듈/);
  met("no keys from card numbers");
  assert.strictEqual((await client.getCertification("imp_1")).status, 404);
  met("other V1 addresses are not imitated");
  assert.strictEqual((await client.cancelByMerchantUid("again-1")).data.cancel_amount, 9900);
  assert.strictEqual((await client.deleteSubscription("key-1")).data.customer_uid, "key-1");
  await assert.rejects(new Iamporter({ apiKey: KEY, secret: "wrong", host: address }).findByImpUid("x"));
}

/* The sandbox's switches. */
async function turn(changes) {
  const headers = { "Content-Type": "application/json" };
  await fetch(`${address}/controls/settings`, { method: "POST", headers, body: JSON.stringify(changes) });
}

const CLIENTS = {
  iamport: useIamport, "iamport-rest-client-nodejs": useRestClientNodejs, iamporter: useIamporter,
};

CLIENTS[client]().then(() => console.log("served")).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
