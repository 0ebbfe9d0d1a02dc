package mapi

import "fmt"

// ResponseCode is the value of the header X-ResponseCode, of the HTTP response
// or after DONE ([MS-OXCMAPIHTTP] 2.2.3.3.3). Gromox 3.10 numbers in its own way,
// see [GromoxResponseCode]: show what the server wrote beside it.
type ResponseCode int

// The response codes ([MS-OXCMAPIHTTP] 2.2.3.3.3). 14 is reserved.
const (
	ResponseSuccess              ResponseCode = 0  // Success
	ResponseUnknownFailure       ResponseCode = 1  // Unknown Failure
	ResponseInvalidVerb          ResponseCode = 2  // Invalid Verb
	ResponseInvalidPath          ResponseCode = 3  // Invalid Path
	ResponseInvalidHeader        ResponseCode = 4  // Invalid Header
	ResponseInvalidRequestType   ResponseCode = 5  // Invalid Request Type
	ResponseInvalidContextCookie ResponseCode = 6  // Invalid Context Cookie
	ResponseMissingHeader        ResponseCode = 7  // Missing Header
	ResponseAnonymousNotAllowed  ResponseCode = 8  // Anonymous Not Allowed
	ResponseTooLarge             ResponseCode = 9  // Too Large
	ResponseContextNotFound      ResponseCode = 10 // Context Not Found
	ResponseNoPrivilege          ResponseCode = 11 // No Privilege
	ResponseInvalidRequestBody   ResponseCode = 12 // Invalid Request Body
	ResponseMissingCookie        ResponseCode = 13 // Missing Cookie
	ResponseInvalidSequence      ResponseCode = 15 // Invalid Sequence
	ResponseEndpointDisabled     ResponseCode = 16 // Endpoint Disabled
	ResponseInvalidResponse      ResponseCode = 17 // Invalid Response
	ResponseEndpointShuttingDown ResponseCode = 18 // Endpoint Shutting Down
)

var responseNames = [...]string{
	ResponseSuccess:              "Success",
	ResponseUnknownFailure:       "Unknown Failure",
	ResponseInvalidVerb:          "Invalid Verb",
	ResponseInvalidPath:          "Invalid Path",
	ResponseInvalidHeader:        "Invalid Header",
	ResponseInvalidRequestType:   "Invalid Request Type",
	ResponseInvalidContextCookie: "Invalid Context Cookie",
	ResponseMissingHeader:        "Missing Header",
	ResponseAnonymousNotAllowed:  "Anonymous Not Allowed",
	ResponseTooLarge:             "Too Large",
	ResponseContextNotFound:      "Context Not Found",
	ResponseNoPrivilege:          "No Privilege",
	ResponseInvalidRequestBody:   "Invalid Request Body",
	ResponseMissingCookie:        "Missing Cookie",
	ResponseInvalidSequence:      "Invalid Sequence",
	ResponseEndpointDisabled:     "Endpoint Disabled",
	ResponseInvalidResponse:      "Invalid Response",
	ResponseEndpointShuttingDown: "Endpoint Shutting Down",
}

// String returns the name and the number, such as "Context Not Found (10)";
// for a number without a name "X-ResponseCode 14".
func (c ResponseCode) String() string {
	if c < 0 || int(c) >= len(responseNames) || responseNames[c] == "" {
		return fmt.Sprintf("X-ResponseCode %d", int(c))
	}
	return fmt.Sprintf("%s (%d)", responseNames[c], int(c))
}

// gromoxCodes is the numbering of Gromox 3.10, seen from its answers and its
// source. It has no Context Not Found: an expired context is its 2 or 6.
var gromoxCodes = [...]ResponseCode{
	0: ResponseSuccess,
	1: ResponseInvalidVerb, // also an absent X-RequestType
	2: ResponseInvalidContextCookie,
	3: ResponseMissingHeader,
	4: ResponseNoPrivilege,
	5: ResponseInvalidRequestBody,
	6: ResponseMissingCookie,
	7: ResponseInvalidSequence,
	8: ResponseInvalidRequestType,
	9: ResponseUnknownFailure, // out of memory, which the specification has no number for
}

// GromoxResponseCode returns what the X-ResponseCode n of Gromox 3.10 means,
// [ResponseUnknownFailure] for a number that Gromox does not use. Gromox gives
// itself away by its cookies, sid and sequence, and by the title of the page
// that it refuses with, "MAPI OVER HTTP ERROR".
func GromoxResponseCode(n int) ResponseCode {
	if n < 0 || n >= len(gromoxCodes) {
		return ResponseUnknownFailure
	}
	return gromoxCodes[n]
}
