"""PortOne V1: the only folder that uses its REST API, its JSON and its browser parameters.

`report.py`       the provider's interface, data types and errors
`client.py`       the interface for PortOne V1: one method for each REST call
`transport.py`    one HTTP request: deadline, retries, size of the response, number of requests at once
`responses.py`    JSON responses to our types
`request_pay.py`  the parameters of `IMP.request_pay` in the browser
`error_codes.py`  what KG's and PortOne's error codes mean, with advice (`error_codes.toml`)
"""
