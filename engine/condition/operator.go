package condition

import "slices"

// Operator compares a variable with a second value.
type Operator string

// The operators (reference 4.3). MATCHES_PATH is that of D11; the regular
// expressions are RE2.
const (
	Equal          Operator = "EQ"
	NotEqual       Operator = "NE"
	Less           Operator = "LT"
	LessOrEqual    Operator = "LE"
	Greater        Operator = "GT"
	GreaterOrEqual Operator = "GE"

	Contains      Operator = "CONTAINS"
	NotContains   Operator = "NOT_CONTAINS"
	StartsWith    Operator = "STARTS_WITH"
	NotStartsWith Operator = "NOT_STARTS_WITH"
	EndsWith      Operator = "ENDS_WITH"
	NotEndsWith   Operator = "NOT_ENDS_WITH"
	In            Operator = "IN"
	NotIn         Operator = "NOT_IN"

	EqualFold         Operator = "EQ_IGNORE_CASE"
	NotEqualFold      Operator = "NE_IGNORE_CASE"
	ContainsFold      Operator = "CONTAINS_IGNORE_CASE"
	NotContainsFold   Operator = "NOT_CONTAINS_IGNORE_CASE"
	StartsWithFold    Operator = "STARTS_WITH_IGNORE_CASE"
	NotStartsWithFold Operator = "NOT_STARTS_WITH_IGNORE_CASE"
	EndsWithFold      Operator = "ENDS_WITH_IGNORE_CASE"
	NotEndsWithFold   Operator = "NOT_ENDS_WITH_IGNORE_CASE"
	InFold            Operator = "IN_IGNORE_CASE"
	NotInFold         Operator = "NOT_IN_IGNORE_CASE"

	MatchesPath     Operator = "MATCHES_PATH"
	NotMatchesPath  Operator = "NOT_MATCHES_PATH"
	MatchesRegex    Operator = "MATCHES_REGEX"
	NotMatchesRegex Operator = "NOT_MATCHES_REGEX"

	Exists         Operator = "IS_EXISTS"
	NotExists      Operator = "IS_NOT_EXISTS"
	Empty          Operator = "IS_EMPTY"
	NotEmpty       Operator = "IS_NOT_EMPTY"
	ExistsAndEmpty Operator = "EXISTS_AND_EMPTY"
)

// OperatorInfo describes an operator for forms and sentences.
type OperatorInfo struct {
	Operator Operator
	// Label stands in menus, Words in sentences: "X equals y".
	Label, Words string
	// Types are the data types that it compares; all for an operator without a
	// second value.
	Types []DataType
	// Unary tells that there is no second value, List that it is a list.
	Unary, List bool

	// positive is the operator that a negative one turns round, else itself.
	positive Operator
	fold     bool
}

// Negative tells that the operator turns another one round: a missing value
// meets it (reference 4.3).
func (o OperatorInfo) Negative() bool { return o.positive != o.Operator }

var (
	anyType = []DataType{String, Numeric, Date}
	texts   = []DataType{String}
	numbers = []DataType{String, Numeric}
)

// Operators are all that there are, in the order of menus.
var Operators = []OperatorInfo{
	{Equal, "Equals", "equals", anyType, false, false, Equal, false},
	{NotEqual, "Not Equals", "does not equal", anyType, false, false, Equal, false},
	{Less, "Less Than", "is less than", anyType, false, false, Less, false},
	{LessOrEqual, "Less Than or Equal", "is at most", anyType, false, false, LessOrEqual, false},
	{Greater, "Greater Than", "is greater than", anyType, false, false, Greater, false},
	{GreaterOrEqual, "Greater Than or Equal", "is at least", anyType, false, false, GreaterOrEqual, false},
	{Contains, "Contains", "contains", texts, false, false, Contains, false},
	{NotContains, "Not Contains", "does not contain", texts, false, false, Contains, false},
	{StartsWith, "Starts With", "starts with", texts, false, false, StartsWith, false},
	{NotStartsWith, "Not Starts With", "does not start with", texts, false, false, StartsWith, false},
	{EndsWith, "Ends With", "ends with", texts, false, false, EndsWith, false},
	{NotEndsWith, "Not Ends With", "does not end with", texts, false, false, EndsWith, false},
	{In, "In", "is one of", numbers, false, true, In, false},
	{NotIn, "Not In", "is none of", numbers, false, true, In, false},
	{MatchesPath, "Matches Path", "matches the path", texts, false, false, MatchesPath, false},
	{NotMatchesPath, "Not Matches Path", "does not match the path", texts, false, false, MatchesPath, false},
	{MatchesRegex, "Matches Regular Expression", "matches the regular expression", texts, false, false, MatchesRegex, false},
	{NotMatchesRegex, "Not Matches Regular Expression", "does not match the regular expression", texts, false, false, MatchesRegex, false},
	{EqualFold, "Equals (Ignore Case)", "equals, in any letter case,", texts, false, false, EqualFold, true},
	{NotEqualFold, "Not Equals (Ignore Case)", "does not equal, in any letter case,", texts, false, false, EqualFold, true},
	{ContainsFold, "Contains (Ignore Case)", "contains, in any letter case,", texts, false, false, ContainsFold, true},
	{NotContainsFold, "Not Contains (Ignore Case)", "does not contain, in any letter case,", texts, false, false, ContainsFold, true},
	{StartsWithFold, "Starts With (Ignore Case)", "starts, in any letter case, with", texts, false, false, StartsWithFold, true},
	{NotStartsWithFold, "Not Starts With (Ignore Case)", "does not start, in any letter case, with", texts, false, false, StartsWithFold, true},
	{EndsWithFold, "Ends With (Ignore Case)", "ends, in any letter case, with", texts, false, false, EndsWithFold, true},
	{NotEndsWithFold, "Not Ends With (Ignore Case)", "does not end, in any letter case, with", texts, false, false, EndsWithFold, true},
	{InFold, "In (Ignore Case)", "is, in any letter case, one of", texts, false, true, InFold, true},
	{NotInFold, "Not In (Ignore Case)", "is, in any letter case, none of", texts, false, true, InFold, true},
	{Exists, "Exists", "exists", anyType, true, false, Exists, false},
	{NotExists, "Not Exists", "does not exist", anyType, true, false, NotExists, false},
	{Empty, "Empty", "is missing or empty", anyType, true, false, Empty, false},
	{NotEmpty, "Not Empty", "is not empty", anyType, true, false, NotEmpty, false},
	{ExistsAndEmpty, "Exists But Empty", "exists and is empty", anyType, true, false, ExistsAndEmpty, false},
}

// Info describes the operator; false when there is no such one.
func (o Operator) Info() (OperatorInfo, bool) {
	for _, info := range Operators {
		if info.Operator == o {
			return info, true
		}
	}
	return OperatorInfo{}, false
}

func (o OperatorInfo) takes(t DataType) bool { return slices.Contains(o.Types, t) }
