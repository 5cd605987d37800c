package idcard

import "cardferry/hl7/fhir/r4"

// Identifier systems. The first is the OID under which China's shared-document
// standard (WS/T 500-2016) carries the resident identity number; the others have
// no published system, so cardferry names them itself.
const (
	SystemResidentID      = "urn:oid:2.16.156.10011.1.3"
	SystemTravelPermit    = "https://cardferry.org/sid/cn-mainland-travel-permit"
	SystemPermanentPermit = "https://cardferry.org/sid/cn-permanent-residence-card"
)

// identifierType returns a coding of HL7 table 0203.
func identifierType(code, text string) *r4.CodeableConcept {
	return &r4.CodeableConcept{
		Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/v2-0203", Code: code}},
		Text:   text,
	}
}

// gender maps GB/T 2261.1-2003 to FHIR administrative gender; unknown codes give
// "".
func gender(code string) string {
	switch code {
	case "1":
		return "male"
	case "2":
		return "female"
	case "0", "9": // unknown, not stated
		return "unknown"
	default:
		return ""
	}
}

// ethnicity returns the name of a GB/T 3304-1991 number. Numbers 57 to 96 are
// used by vendors for their own additions, so they have no name here.
func ethnicity(code string) string {
	const first, last = 1, 56
	names := [last + 1]string{
		"", "汉", "蒙古", "回", "藏", "维吾尔", "苗", "彝", "壮", "布依", "朝鲜",
		"满", "侗", "瑶", "白", "土家", "哈尼", "哈萨克", "傣", "黎", "傈僳",
		"佤", "畲", "高山", "拉祜", "水", "东乡", "纳西", "景颇", "柯尔克孜", "土",
		"达斡尔", "仫佬", "羌", "布朗", "撒拉", "毛南", "仡佬", "锡伯", "阿昌", "普米",
		"塔吉克", "怒", "乌孜别克", "俄罗斯", "鄂温克", "德昂", "保安", "裕固", "京", "塔塔尔",
		"独龙", "鄂伦春", "赫哲", "门巴", "珞巴", "基诺",
	}
	if len(code) != 2 || code[0] < '0' || code[0] > '9' || code[1] < '0' || code[1] > '9' {
		return ""
	}
	switch n := int(code[0]-'0')*10 + int(code[1]-'0'); {
	case n >= first && n <= last:
		return names[n]
	case n == 97:
		return "其他"
	case n == 98:
		return "外国血统中国籍人士"
	default:
		return ""
	}
}
