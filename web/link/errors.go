package link

// ErrorMessages is the catalogue of error messages.
const ErrorMessages = "/error-messages"

// ErrorMessage is a row of it, with its form.
func ErrorMessage(typ string) string { return path("error-messages", typ) }

// ErrorMessageDraft draws the row for its form as it is typed; it takes row.
func ErrorMessageDraft(typ string) string { return ErrorMessage(typ) + "/draft" }

// ErrorMessageReset asks, and then drops what was customized.
func ErrorMessageReset(typ string) string { return ErrorMessage(typ) + "/reset" }

// PolicyErrors draws a row of a policy's error messages for its form as it is
// typed; it takes row, and of a local policy kind and owner.
func PolicyErrors(project, typ string) string {
	return path("projects", project, "check", "policy-errors", typ)
}
