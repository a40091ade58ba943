"""What is written on receipts, forms, tables, documents and signs: one small generator for each kind of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from trainer.render.corpus import Corpus
from trainer.render.draws import Weighted, between, chance, pick, whole

Rng = np.random.Generator

RECEIPT_WORDS = ["TOTAL", "SUBTOTAL", "SUB TOTAL", "GRAND TOTAL", "CASH", "CHANGE", "CHANGE DUE", "TAX", "GST", "GST 6%", "VAT", "VAT 20%", "SALES TAX", "SERVICE CHARGE", "SVC CHG", "TIP", "AMOUNT", "AMOUNT DUE", "BALANCE", "BALANCE DUE", "TENDERED", "ROUNDING", "ROUNDING ADJ", "DISCOUNT", "QTY", "PRICE", "UNIT PRICE", "ITEM", "ITEMS", "DESCRIPTION", "TAX INVOICE", "INVOICE NO", "INVOICE", "RECEIPT", "RECEIPT NO", "BILL NO", "BILL", "TABLE", "TABLE NO", "PAX", "COVERS", "CASHIER", "SERVER", "WAITER", "OPERATOR", "TERMINAL", "REG", "STORE", "TILL", "POS", "DATE", "TIME", "TEL", "FAX", "GST REG NO", "GST ID NO", "COMPANY NO", "CO. REG NO", "VISA", "MASTERCARD", "AMEX", "DEBIT", "CREDIT", "CREDIT CARD", "CARD NO", "APPROVAL CODE", "AUTH CODE", "REF NO", "TRACE NO", "BATCH NO", "MID", "TID", "AID", "APPROVED", "SALE", "REFUND", "VOID", "CUSTOMER COPY", "MERCHANT COPY", "THANK YOU", "THANK YOU FOR SHOPPING WITH US", "PLEASE COME AGAIN", "HAVE A NICE DAY", "GOODS SOLD ARE NOT RETURNABLE", "NO REFUND", "EXCHANGE WITHIN 7 DAYS", "THIS IS YOUR OFFICIAL RECEIPT", "TOTAL SALES", "TOTAL QTY", "TOTAL EXCL. GST", "TOTAL INCL. GST", "TOTAL INCLUSIVE OF GST", "GST SUMMARY", "TAX SUMMARY", "TAX(RM)", "AMT(RM)", "AMOUNT(RM)", "RM", "SR", "ZR", "TAX CODE", "MEMBER", "MEMBER POINTS", "POINTS EARNED", "SAVINGS", "YOU SAVED", "LOYALTY", "ORDER", "ORDER NO", "TAKE AWAY", "DINE IN", "EAT IN", "DELIVERY", "GUEST", "GUESTS", "CHECK", "CHECK NO", "OPENED", "CLOSED", "TERIMA KASIH", "SILA DATANG LAGI", "SUMME", "MWST", "BAR", "RÜCKGELD", "GESAMT", "KASSE", "BELEG", "TVA", "TOTAL TTC", "ESPÈCES", "RENDU", "MERCI", "IVA", "EFECTIVO", "CAMBIO", "GRACIAS", "FECHA", "IMPORTE", "CONTANTE", "RESTO", "SUMA", "GOTÓWKA", "RAZEM", "ATTACHMENT", "SIGNATURE", "AUTHORISED SIGNATURE"]
GOODS = ["MILK", "BREAD", "EGGS", "RICE 5KG", "SUGAR", "COFFEE", "LATTE", "TEH TARIK", "ROTI CANAI", "NASI LEMAK", "MEE GORENG", "CHICKEN", "CHICKEN CHOP", "BEEF", "BURGER", "FRIES", "PIZZA", "PASTA", "SALAD", "SOUP", "WATER", "MINERAL WATER", "COKE", "DIET COKE", "BEER", "WINE", "JUICE", "APPLE", "BANANA", "ORANGE", "TOMATO", "POTATO", "ONION", "CHEESE", "BUTTER", "YOGHURT", "CHOCOLATE", "CAKE", "MUFFIN", "COOKIE", "ICE CREAM", "TEA", "GREEN TEA", "SHAMPOO", "SOAP", "TOOTHPASTE", "BATTERY AA", "CABLE", "LED BULB", "PAINT", "BRUSH", "NAILS", "SCREW M6", "PIPE 20MM", "PAPER A4", "PEN", "ENVELOPE", "BAG", "PLASTIC BAG", "TOWEL", "SHIRT", "JEANS", "SOCKS", "SHOES", "TAPE", "GLUE", "FILE", "FOLDER", "INK", "TONER", "USB", "ADAPTOR", "FUEL", "DIESEL", "PETROL", "PARKING", "TICKET", "SET MEAL", "SPICY", "HOT"]
FORM_LABELS = ["Name", "First Name", "Last Name", "Surname", "Address", "City", "State", "Zip", "Zip Code", "Postcode", "Country", "Phone", "Telephone", "Fax", "E-mail", "Date", "Date of Birth", "Signature", "Title", "Company", "Department", "Position", "Employer", "Occupation", "Amount", "Total", "Account No", "Invoice No", "Order No", "Reference", "Subject", "To", "From", "cc", "Re", "Attention", "Description", "Quantity", "Unit", "Price", "Remarks", "Comments", "Notes", "Approved by", "Prepared by", "Reviewed by", "Received by", "Sex", "Age", "Nationality", "Passport No", "Tax ID", "SSN", "Bank", "IBAN", "Account Name", "Branch", "Code", "Type", "Brand", "Market", "Product", "Sample", "Sample No", "Lot No", "Batch", "Weight", "Length", "Width", "Size", "Color", "Manufacturer", "Project", "Project No", "Contract", "Purpose", "Location", "Region", "Division", "Manager", "Supervisor", "Year", "Month", "Period", "Budget", "Actual", "Estimated Cost", "Status", "Yes", "No", "N/A", "None", "Other", "Specify", "Please print", "Office use only", "Page", "of", "Section", "Part", "Item", "Check one", "Effective Date", "Route to"]
SIGNS = ["EXIT", "OPEN", "CLOSED", "SALE", "STOP", "PUSH", "PULL", "TAXI", "BUS", "BANK", "HOTEL", "CAFE", "BAR", "PUB", "RESTAURANT", "PIZZA", "BAKERY", "PHARMACY", "MARKET", "SHOP", "STORE", "SUPERMARKET", "PARKING", "NO PARKING", "NO ENTRY", "NO SMOKING", "ONE WAY", "STREET", "ROAD", "AVENUE", "CENTRE", "CENTER", "STATION", "METRO", "AIRPORT", "GATE", "PLATFORM", "TICKETS", "INFORMATION", "TOILET", "WC", "MEN", "WOMEN", "LADIES", "GENTS", "ENTRANCE", "WAY OUT", "DANGER", "WARNING", "CAUTION", "POLICE", "FIRE", "AMBULANCE", "HOSPITAL", "SCHOOL", "LIBRARY", "MUSEUM", "THEATRE", "CINEMA", "PARK", "BEACH", "FREE", "NEW", "HOT", "COLD", "OFF", "UP TO", "BUY", "NOW", "50%", "24 HOURS", "24", "WELCOME", "THANK YOU", "FOR RENT", "FOR SALE", "TO LET", "PRIVATE", "PUBLIC", "OFFICE", "SERVICE", "SPORT", "FASHION", "BOOKS", "MUSIC"]
STREETS = (
    ["Street", "Road", "Avenue", "Lane", "Drive", "Way", "Blvd", "Court", "Square", "Jalan", "Rue", "Straße", "Via", "Calle", "Place", "Park", "Hwy", "St", "Rd", "Ave"]
)
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "January", "February", "March", "April", "June", "July", "August", "September", "October", "November", "December", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "MON", "TUE", "WED", "THU"]
COMPANY_ENDS = ["SDN BHD", "SDN. BHD.", "Ltd", "Ltd.", "Inc.", "Inc", "LLC", "GmbH", "S.A.", "AG", "& Co.", "Corp.", "PLC", "B.V.", "S.p.A.", "ENTERPRISE", "TRADING", "GROUP", "(M)"]
CURRENCIES = ("$", "£", "€", "RM", "RM ", "¥", "USD ", "EUR ", "Rs.", "$ ", "€ ", "kr ", "CHF ", "S$", "US$", "NT$")


def digits(rng: Rng, count: int) -> str:
    return "".join(str(whole(rng, 0, 9)) for _ in range(count))


def amount(rng: Rng) -> str:
    value = 10 ** between(rng, -0.5, 4.2)
    form = whole(rng, 0, 9)
    if form < 6:
        return f"{value:.2f}"
    if form < 8:
        return f"{value:,.2f}"
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,")) if form == 8 else f"{int(value):,}"


def price(rng: Rng) -> str:
    text = amount(rng)
    form = whole(rng, 0, 11)
    if form < 5:
        return pick(rng, CURRENCIES) + text
    if form == 5:
        return text + pick(rng, (" €", "€", " USD", " EUR", " RM", "kr"))
    if form == 6:
        return pick(rng, ("-", "(", "*", "@", "- ")) + text
    if form == 7:
        return text + pick(rng, ("-", " S", " SR", " Z", " A", "T", " F", "*", ")"))
    return text


def number(rng: Rng) -> str:
    form = whole(rng, 0, 9)
    if form < 4:
        return str(int(10 ** between(rng, 0, 5)))
    if form == 4:
        return f"{between(rng, -100, 100):.{whole(rng, 1, 4)}f}"
    if form == 5:
        return f"{between(rng, 0, 100):.{whole(rng, 0, 2)}f}{pick(rng, ('%', ' %'))}"
    if form == 6:
        return f"{int(10 ** between(rng, 3, 9)):,}"
    if form == 7:
        return f"{whole(rng, 1, 99)}{pick(rng, 'x/-:.×±')}{whole(rng, 1, 999)}"
    if form == 8:
        return f"({whole(rng, 1, 99999):,})"
    return f"{whole(rng, 1, 500)}{pick(rng, ('kg', 'g', ' mm', 'cm', ' km', 'ml', 'L', '°C', '°', ' kg', 'pcs', 'x', 'm²'))}"


def date(rng: Rng) -> str:
    day, month, year = whole(rng, 1, 28), whole(rng, 1, 12), whole(rng, 1930, 2029)
    short, name, mark = year % 100, pick(rng, MONTHS), pick(rng, "//--..")
    return (
        f"{day:02d}{mark}{month:02d}{mark}{year}",
        f"{day:02d}{mark}{month:02d}{mark}{short:02d}",
        f"{month}{mark}{day}{mark}{short:02d}",
        f"{year}-{month:02d}-{day:02d}",
        f"{day} {name} {year}",
        f"{day:02d}-{name}-{short:02d}",
        f"{name} {day}, {year}",
        f"{name}. {day}, {year}",
        f"{pick(rng, DAYS)}, {day} {name}",
        f"{name} {year}",
    )[whole(rng, 0, 9)]


def time(rng: Rng) -> str:
    hour, minute, second = whole(rng, 0, 23), whole(rng, 0, 59), whole(rng, 0, 59)
    return (
        f"{hour:02d}:{minute:02d}",
        f"{hour:02d}:{minute:02d}:{second:02d}",
        f"{hour % 12 + 1}:{minute:02d} {pick(rng, ('AM', 'PM', 'am', 'pm', 'a.m.', 'p.m.'))}",
        f"{hour % 12 + 1:02d}:{minute:02d}:{second:02d}{pick(rng, ('AM', 'PM', ' PM'))}",
    )[whole(rng, 0, 3)]


def phone(rng: Rng) -> str:
    return (
        f"({digits(rng, 3)}) {digits(rng, 3)}-{digits(rng, 4)}",
        f"{digits(rng, 3)}-{digits(rng, 3)}-{digits(rng, 4)}",
        f"0{digits(rng, 1)}-{digits(rng, 4)} {digits(rng, 4)}",
        f"0{digits(rng, 1)}-{digits(rng, 7)}",
        f"+{whole(rng, 1, 99)} {digits(rng, 2)} {digits(rng, 3)} {digits(rng, 4)}",
        f"+{whole(rng, 1, 99)}{digits(rng, 9)}",
        f"0{digits(rng, 3)}/{digits(rng, 6)}",
        f"{digits(rng, 3)}.{digits(rng, 3)}.{digits(rng, 4)}",
    )[whole(rng, 0, 7)]


def code(rng: Rng) -> str:
    """Serial numbers, card numbers, registration numbers: letters and digits in groups."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    form = whole(rng, 0, 7)
    if form == 0:
        return digits(rng, whole(rng, 4, 14))
    if form == 1:
        return "".join(pick(rng, letters) for _ in range(whole(rng, 1, 4))) + digits(rng, whole(rng, 2, 9))
    if form == 2:
        return f"{digits(rng, whole(rng, 5, 7))}-{pick(rng, letters)}"
    if form == 3:
        return pick(rng, ("XXXX XXXX XXXX ", "************", "xxxxxxxxxxxx", "#### #### #### ")) + digits(rng, 4)
    if form == 4:
        return "-".join(digits(rng, whole(rng, 2, 5)) for _ in range(whole(rng, 2, 4)))
    if form == 5:
        return "".join(pick(rng, letters + "0123456789") for _ in range(whole(rng, 5, 16)))
    if form == 6:
        return pick(rng, ("#", "No. ", "NO:", "No.: ", "Ref: ", "S/N ", "ID: ", "INV")) + digits(rng, whole(rng, 3, 10))
    return f"({digits(rng, whole(rng, 5, 7))}-{pick(rng, letters)})"


class Phrases:
    """Draws text of a named kind in the corpus' characters."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self._kinds: dict[str, Callable[[Rng], str]] = {
            "word": self.word,
            "words": self.words,
            "sentence": self.sentence,
            "short_text": lambda rng: corpus.text(rng, whole(rng, 8, 30)),
            "heading": self.heading,
            "receipt": self.receipt,
            "item": self.item,
            "label": self.label,
            "sign": self.sign,
            "name": self.name,
            "company": self.company,
            "address": self.address,
            "email": self.email,
            "url": self.url,
            "leader": self.leader,
            "marks": self.marks,
            "random": lambda rng: corpus.noise(rng, whole(rng, 1, 14)),
            "tiny": self.tiny,
            "amount": amount,
            "price": price,
            "number": number,
            "date": date,
            "time": time,
            "phone": phone,
            "code": code,
            "numbers": lambda rng: "  ".join(pick(rng, (number, amount))(rng) for _ in range(whole(rng, 2, 5))),
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self._kinds)

    def draw(self, rng: Rng, kinds: Weighted[str]) -> str:
        """Text of a drawn kind with characters outside the set left out; noise where nothing remains of it."""
        text = self.corpus.clean(self._kinds[kinds.draw(rng)](rng))
        return text or self.corpus.noise(rng, whole(rng, 1, 8))

    def cased(self, rng: Rng, text: str) -> str:
        form = rng.random()
        return text.upper() if form < 0.3 else text.title() if form < 0.5 else text.lower() if form < 0.6 else text

    def word(self, rng: Rng) -> str:
        word = self.cased(rng, self.corpus.word(rng))
        if chance(rng, 0.15):
            word += pick(rng, ".,:;!?)'\"-…*")
        elif chance(rng, 0.05):
            word = pick(rng, "(\"'„“«-•*") + word
        return word

    def words(self, rng: Rng) -> str:
        language = self.corpus.language(rng)
        return self.cased(rng, " ".join(self.corpus.word(rng, language) for _ in range(whole(rng, 2, 5))))

    def sentence(self, rng: Rng) -> str:
        return self.corpus.text(rng, whole(rng, 25, 95))

    def heading(self, rng: Rng) -> str:
        text = self.corpus.text(rng, whole(rng, 8, 45)).rstrip(".,;:")
        text = text.upper() if chance(rng, 0.4) else text.title()
        if chance(rng, 0.25):
            text = f"{whole(rng, 1, 20)}.{pick(rng, ('', f'{whole(rng, 1, 9)}', f'{whole(rng, 1, 9)}.'))} {text}"
        return text

    def receipt(self, rng: Rng) -> str:
        text = pick(rng, RECEIPT_WORDS)
        if chance(rng, 0.45):
            text = text.title() if chance(rng, 0.7) else text.lower()
        form = whole(rng, 0, 11)
        if form < 3:
            return text + pick(rng, (":", " :", ": ", " ="))
        if form < 6:
            value = pick(rng, (price, amount, code, date, number, time, phone))(rng)
            return text + pick(rng, (":", " : ", ": ", " ", "  ", " = ")) + value
        return text

    def item(self, rng: Rng) -> str:
        name = pick(rng, GOODS) if chance(rng, 0.5) else self.corpus.word(rng)
        if chance(rng, 0.4):
            name += " " + (pick(rng, GOODS) if chance(rng, 0.4) else self.corpus.word(rng))
        name = name.upper() if chance(rng, 0.6) else name.title()
        return (
            f"{whole(rng, 1, 12)} {name}",
            f"{name} {amount(rng)}",
            f"{whole(rng, 1, 9)} x {amount(rng)}",
            f"{whole(rng, 1, 9)} {name} {amount(rng)}",
            f"{code(rng)} {name}",
            f"{name} {number(rng)}",
            f"{whole(rng, 1, 9)}x{name}",
            f"{whole(rng, 1, 20)} @ {price(rng)}",
            name,
        )[whole(rng, 0, 8)]

    def label(self, rng: Rng) -> str:
        text = pick(rng, FORM_LABELS)
        text = text.upper() if chance(rng, 0.35) else text.lower() if chance(rng, 0.05) else text
        return text + (pick(rng, (":", ":", " :", ".", "?", "*", "#", "(s)", ",", " -")) if chance(rng, 0.55) else "")

    def sign(self, rng: Rng) -> str:
        text = pick(rng, SIGNS)
        text = pick(rng, text.split()) if chance(rng, 0.7) else text
        return text.title() if chance(rng, 0.3) else text.lower() if chance(rng, 0.1) else text

    def name(self, rng: Rng) -> str:
        first, last = self.corpus.word(rng).title(), self.corpus.word(rng).title()
        initial = pick(rng, "ABCDEFGHJKLMNPRSTVW")
        return (
            f"{first} {last}", f"{initial}. {last}", f"{first} {initial}. {last}", f"{last}, {first}",
            f"Mr. {last}", f"Dr. {first} {last}", f"{first} {last}".upper(), f"MS. {last}:".upper(),
        )[whole(rng, 0, 7)]  # fmt: skip

    def company(self, rng: Rng) -> str:
        text = " ".join(self.corpus.word(rng).title() for _ in range(whole(rng, 1, 3)))
        text = f"{text} {pick(rng, COMPANY_ENDS)}"
        return text.upper() if chance(rng, 0.6) else text

    def address(self, rng: Rng) -> str:
        place, street = self.corpus.word(rng).title(), pick(rng, STREETS)
        text = (
            f"{whole(rng, 1, 999)} {place} {street}",
            f"NO. {whole(rng, 1, 99)}, {street} {place} {whole(rng, 1, 20)}/{whole(rng, 1, 9)}",
            f"{digits(rng, 5)} {place}, {self.corpus.word(rng).title()}",
            f"{place}, {pick(rng, 'ABCDEFGHIKLMNOPRSTUVW')}{pick(rng, 'ALNYXCDK')} {digits(rng, 5)}",
            f"Lot {whole(rng, 1, 200)}, {place} {street}, {self.corpus.word(rng).title()}",
            f"{street} {place} {whole(rng, 1, 200)}",
        )[whole(rng, 0, 5)]
        return text.upper() if chance(rng, 0.4) else text

    def email(self, rng: Rng) -> str:
        host = f"{self.corpus.word(rng)}.{pick(rng, ('com', 'org', 'net', 'de', 'co.uk', 'fr', 'edu', 'com.my'))}"
        text = (
            f"{self.corpus.word(rng)}{pick(rng, ('', '.', '_', '-'))}{pick(rng, ('', digits(rng, 2), 'info'))}@{host}"
        )
        return pick(rng, ("", "", "Email: ", "E-mail: ", "email: ")) + text.lower()

    def url(self, rng: Rng) -> str:
        text = pick(rng, ("www.", "http://www.", "https://", "WWW.")) + self.corpus.word(rng)
        text += pick(rng, (".com", ".org", ".net", ".de", ".co.uk", ".com/", ".eu"))
        return text + (
            "/" + self.corpus.word(rng) + pick(rng, ("", ".html", "?id=" + digits(rng, 3))) if chance(rng, 0.3) else ""
        )

    def leader(self, rng: Rng) -> str:
        """A label, then dots, underscores, asterisks or dashes, then perhaps a value; or such a row alone."""
        fill = pick(rng, ("_", ".", ".", "*", "-", "=", ". ", "- ", "#", "~", "•"))
        row = (fill * whole(rng, 3, 24)).strip()
        form = whole(rng, 0, 4)
        if form == 0:
            return row
        if form == 1:
            return f"{fill.strip() * whole(rng, 2, 6)} {pick(rng, RECEIPT_WORDS)} {fill.strip() * whole(rng, 2, 6)}"
        text = pick(rng, FORM_LABELS) if chance(rng, 0.6) else self.corpus.text(rng, whole(rng, 5, 30))
        return f"{text} {row}" + (f" {number(rng)}" if form == 2 else "")

    def marks(self, rng: Rng) -> str:
        """Text thick with punctuation: quotations, brackets, operators, footnote signs, arrows."""
        word = self.corpus.word(rng)
        return (
            f"“{word}”", f"‘{word}’", f"„{word}“", f"«{word}»", f"({word})", f"[{whole(rng, 1, 99)}]", f"{{{word}}}",
            f"{word}’s", f"{word} – {self.corpus.word(rng)}", f"{word}—{self.corpus.word(rng)}", f"{word}…", f"• {word}",
            f"§ {whole(rng, 1, 99)}", f"№ {whole(rng, 1, 999)}", f"© {whole(rng, 1990, 2026)} {word}", f"{word}™", f"{word}®",
            f"→ {word}", f"{word} ← {word}", f"✓ {word}", f"✗ {word}", f"{whole(rng, 1, 9)}½ × {whole(rng, 1, 9)}¼", f"±{whole(rng, 1, 9)} °C",
            f"{word}/{self.corpus.word(rng)}", f"{word}_{self.corpus.word(rng)}", f"<{word}>", f"{word} & {self.corpus.word(rng)}",
            f"{word} = {whole(rng, 0, 99)};", f"¿{word}?", f"¡{word}!", f"{whole(rng, 2, 90)} m²", f"~{whole(rng, 1, 99)}|{word}",
            f"{word}-", f"{whole(rng, 1, 9)}÷{whole(rng, 2, 9)}", f"\\{word}^{whole(rng, 1, 9)}", f"{word}: {self.corpus.word(rng)};", f"↑ {word} ↓",
            f"{word}, {self.corpus.word(rng)}, {self.corpus.word(rng)}.", f"{word}; {word}?", f"\"{word}!\"", f"'{word},'",
        )[whole(rng, 0, 40)]  # fmt: skip

    def tiny(self, rng: Rng) -> str:
        form = rng.random()
        if form < 0.45:
            return digits(rng, whole(rng, 1, 2))
        if form < 0.7:
            return self.corpus.noise(rng, 1)
        return pick(
            rng,
            ("a", "I", "of", "to", "in", "A.", "1.", "-", "X", "SR", "RM", "No", "%", "&", "(1)", "1x", "/", ":", "$"),
        )


def weighted(kinds: Mapping[str, float]) -> Weighted[str]:
    return Weighted(kinds)
