/* The SDK as a module: import IMP from "…/v1/iamport.esm.js". */
window.iamportAddress = import.meta.url;
await import("./iamport.js");
export default window.IMP;
