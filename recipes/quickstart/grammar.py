"""A synchronous grammar: writes the quick start's sentences in English, German, Spanish and Chinese, with gold links.

Every word that is written names the concepts it stands for, such as `1.object.noun`; two words of one sentence in two
languages are linked if they share a concept. Run this file to write the sample next to it, always the same bytes:

    python recipes/quickstart/grammar.py
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

LANGUAGES = ("en", "de", "es", "zh")
TRAINING_SIZE, GOLD_SIZE, SEED = 2000, 200, 20
SHORTEST, LONGEST = 5, 15  # English words, punctuation left out
PERSONS = ("1s", "3s", "1p", "3p")
Links = list[tuple[int, int]]  # (source position, target position), from 1

# The lexicon. "_" stands between words that are written apart, "*" where Chinese has 了, "@" where it has the object.

# classes | English | German gender, nominative, other cases, plural | Spanish gender | Chinese, measure word | sex
NOUNS = """
person adult | man men | m Mann Mann Männer | m hombre hombres | 男人 个 | m
person adult | woman women | f Frau Frau Frauen | f mujer mujeres | 女人 个 | f
person | boy boys | m Junge Jungen Jungen | m chico chicos | 男孩 个 | m
person | girl girls | n Mädchen Mädchen Mädchen | f chica chicas | 女孩 个
person | child children | n Kind Kind Kinder | m niño niños | 孩子 个
person adult | teacher teachers | m Lehrer Lehrer Lehrer | m profesor profesores | 老师 位 | m
person adult | teacher teachers | f Lehrerin Lehrerin Lehrerinnen | f profesora profesoras | 老师 位 | f
person adult | doctor doctors | m Arzt Arzt Ärzte | m médico médicos | 医生 位 | m
person adult | doctor doctors | f Ärztin Ärztin Ärztinnen | f médica médicas | 医生 位 | f
person | student students | m Student Studenten Studenten | m estudiante estudiantes | 学生 个 | m
person adult | neighbour neighbours | f Nachbarin Nachbarin Nachbarinnen | f vecina vecinas | 邻居 位 | f
person adult | farmer farmers | m Bauer Bauern Bauern | m campesino campesinos | 农民 位 | m
person adult | baker bakers | m Bäcker Bäcker Bäcker | m panadero panaderos | 面包师 位 | m
person adult | artist artists | f Künstlerin Künstlerin Künstlerinnen | f artista artistas | 艺术家 位 | f
person adult | singer singers | f Sängerin Sängerin Sängerinnen | f cantante cantantes | 歌手 位 | f
person adult | cook cooks | m Koch Koch Köche | m cocinero cocineros | 厨师 位 | m
person adult | writer writers | m Schriftsteller Schriftsteller Schriftsteller | m escritor escritores | 作家 位 | m
family | mother mothers | f Mutter Mutter Mütter | f madre madres | 妈妈 个 | f
family | father fathers | m Vater Vater Väter | m padre padres | 爸爸 个 | m
family | brother brothers | m Bruder Bruder Brüder | m hermano hermanos | 哥哥 个 | m
family | sister sisters | f Schwester Schwester Schwestern | f hermana hermanas | 姐姐 个 | f
family | grandmother grandmothers | f Großmutter Großmutter Großmütter | f abuela abuelas | 奶奶 个 | f
family | grandfather grandfathers | m Großvater Großvater Großväter | m abuelo abuelos | 爷爷 个 | m
family | uncle uncles | m Onkel Onkel Onkel | m tío tíos | 叔叔 个 | m
family | aunt aunts | f Tante Tante Tanten | f tía tías | 阿姨 个 | f
family | friend friends | m Freund Freund Freunde | m amigo amigos | 朋友 个 | m
family | friend friends | f Freundin Freundin Freundinnen | f amiga amigas | 朋友 个 | f
animal pet | dog dogs | m Hund Hund Hunde | m perro perros | 狗 只
animal pet | cat cats | f Katze Katze Katzen | m gato gatos | 猫 只
animal pet | bird birds | m Vogel Vogel Vögel | m pájaro pájaros | 鸟 只
animal pet | rabbit rabbits | n Kaninchen Kaninchen Kaninchen | m conejo conejos | 兔子 只
animal farm | horse horses | n Pferd Pferd Pferde | m caballo caballos | 马 匹
animal farm | cow cows | f Kuh Kuh Kühe | f vaca vacas | 牛 头
animal farm | sheep sheep | n Schaf Schaf Schafe | f oveja ovejas | 羊 只
animal farm | duck ducks | f Ente Ente Enten | m pato patos | 鸭子 只
animal | monkey monkeys | m Affe Affen Affen | m mono monos | 猴子 只
thing text good small | book books | n Buch Buch Bücher | m libro libros | 书 本
thing text good small | newspaper newspapers | f Zeitung Zeitung Zeitungen | m periódico periódicos | 报纸 份
thing text good small | magazine magazines | f Zeitschrift Zeitschrift Zeitschriften | f revista revistas | 杂志 本
text letter | letter letters | m Brief Brief Briefe | f carta cartas | 信 封
thing good picture | picture pictures | n Bild Bild Bilder | m cuadro cuadros | 画 幅
thing good machine small | watch watches | f Uhr Uhr Uhren | m reloj relojes | 手表 块
thing good machine | computer computers | m Computer Computer Computer | m ordenador ordenadores | 电脑 台
thing good machine small | camera cameras | f Kamera Kamera Kameras | f cámara cámaras | 相机 台
thing good small | umbrella umbrellas | m Regenschirm Regenschirm Regenschirme | m paraguas paraguas | 雨伞 把
key small | key keys | m Schlüssel Schlüssel Schlüssel | f llave llaves | 钥匙 把
thing good small load | bag bags | f Tasche Tasche Taschen | m bolso bolsos | 包 个
thing good small load container | suitcase suitcases | m Koffer Koffer Koffer | f maleta maletas | 行李箱 个
thing load container | box boxes | f Kiste Kiste Kisten | f caja cajas | 箱子 个
thing good small | ball balls | m Ball Ball Bälle | f pelota pelotas | 球 个
thing good | guitar guitars | f Gitarre Gitarre Gitarren | f guitarra guitarras | 吉他 把
thing good small dish | cup cups | f Tasse Tasse Tassen | f taza tazas | 杯子 个
thing dish container | bottle bottles | f Flasche Flasche Flaschen | f botella botellas | 瓶子 个
thing good furniture | table tables | m Tisch Tisch Tische | f mesa mesas | 桌子 张
thing good furniture | chair chairs | m Stuhl Stuhl Stühle | f silla sillas | 椅子 把
furniture | bed beds | n Bett Bett Betten | f cama camas | 床 张
opening | door doors | f Tür Tür Türen | f puerta puertas | 门 扇
opening | window windows | n Fenster Fenster Fenster | f ventana ventanas | 窗户 扇
thing good vehicle | car cars | n Auto Auto Autos | m coche coches | 汽车 辆
thing good vehicle | bicycle bicycles | n Fahrrad Fahrrad Fahrräder | f bicicleta bicicletas | 自行车 辆
transport | bus buses | m Bus Bus Busse | m autobús autobuses | 公共汽车 辆
transport | train trains | m Zug Zug Züge | m tren trenes | 火车 列
thing good clothes | shirt shirts | n Hemd Hemd Hemden | f camisa camisas | 衬衫 件
thing good clothes | coat coats | m Mantel Mantel Mäntel | m abrigo abrigos | 大衣 件
thing good clothes | dress dresses | n Kleid Kleid Kleider | m vestido vestidos | 连衣裙 条
thing good clothes | hat hats | m Hut Hut Hüte | m sombrero sombreros | 帽子 顶
thing good building | house houses | n Haus Haus Häuser | f casa casas | 房子 座
building | bridge bridges | f Brücke Brücke Brücken | m puente puentes | 桥 座
plant | tree trees | m Baum Baum Bäume | m árbol árboles | 树 棵
plant flower | flower flowers | f Blume Blume Blumen | f flor flores | 花 朵
song | song songs | n Lied Lied Lieder | f canción canciones | 歌 首
food fruit | apple apples | m Apfel Apfel Äpfel | f manzana manzanas | 苹果 个
food fruit | orange oranges | f Orange Orange Orangen | f naranja naranjas | 橙子 个
food fruit | banana bananas | f Banane Banane Bananen | m plátano plátanos | 香蕉 根
food cookable | egg eggs | n Ei Ei Eier | m huevo huevos | 鸡蛋 个
food sweets | cake cakes | m Kuchen Kuchen Kuchen | m pastel pasteles | 蛋糕 块
food | tomato tomatoes | f Tomate Tomate Tomaten | m tomate tomates | 西红柿 个
produce cookable | potato potatoes | f Kartoffel Kartoffel Kartoffeln | f patata patatas | 土豆 个
food mass | bread - | n Brot Brot - | m pan - | 面包 块
food mass | cheese - | m Käse Käse - | m queso - | 奶酪 块
food mass cookable | meat - | n Fleisch Fleisch - | f carne - | 肉 块
food mass cookable | fish - | m Fisch Fisch - | m pescado - | 鱼 条
mass cookable hot | soup - | f Suppe Suppe - | f sopa - | 汤 碗
mass drink hot | milk - | f Milch Milch - | f leche - | 牛奶 杯
mass drink hot | coffee - | m Kaffee Kaffee - | m café - | 咖啡 杯
mass drink hot | tea - | m Tee Tee - | m té - | 茶 杯
mass drink | juice - | m Saft Saft - | m zumo - | 果汁 杯
language | Chinese - | n Chinesisch Chinesisch - | m chino - | 汉语 种
language | English - | n Englisch Englisch - | m inglés - | 英语 种
language | German - | n Deutsch Deutsch - | m alemán - | 德语 种
language | Spanish - | n Spanisch Spanisch - | m español - | 西班牙语 种
name | Anna - | f Anna Anna - | f Anna - | 安娜 个 | f
name | Maria - | f Maria Maria - | f María - | 玛丽亚 个 | f
name | Laura - | f Laura Laura - | f Laura - | 劳拉 个 | f
name | Sofia - | f Sofia Sofia - | f Sofía - | 索菲亚 个 | f
name | Peter - | m Peter Peter - | m Peter - | 彼得 个 | m
name | Paul - | m Paul Paul - | m Paul - | 保罗 个 | m
name | David - | m David David - | m David - | 大卫 个 | m
name | Martin - | m Martin Martin - | m Martín - | 马丁 个 | m
"""

# classes | English, comparative | German before endings, after a verb, comparative | Spanish, its verb | Chinese before
# a noun, after a subject; "-": is not said so
ADJECTIVES = """
adult family | old older | alt alt älter | viejo ser | 年老_的 老
adult family | young younger | jung jung jünger | joven/jóvenes ser | 年轻_的 年轻
person family | tall taller | groß groß größer | alto ser | 高个子_的 高
person family | friendly friendlier | freundlich freundlich freundlicher | amable ser | 友好_的 友好
person family | clever cleverer | klug klug klüger | inteligente ser | 聪明_的 聪明
adult | famous more_famous | berühmt berühmt berühmter | famoso ser | 著名_的 有名
adult family | rich richer | reich reich reicher | rico ser | 富有_的 富有
adult family | poor poorer | arm arm ärmer | pobre ser | 贫穷_的 穷
adult family farm | strong stronger | stark stark stärker | fuerte ser | 强壮_的 强壮
animal | old older | alt alt älter | viejo ser | 老 老
animal thing building | big bigger | groß groß größer | grande ser | 大 大
animal thing building plant fruit | small smaller | klein klein kleiner | pequeño ser | 小 小
animal | black - | schwarz schwarz - | negro ser | 黑 -
animal | white - | weiß weiß - | blanco ser | 白 -
thing building letter | old older | alt alt älter | viejo ser | 旧 旧
thing transport key | new newer | neu neu neuer | nuevo ser | 新 新
thing | expensive more_expensive | teur teuer teurer | caro ser | 昂贵_的 贵
thing | cheap cheaper | billig billig billiger | barato ser | 便宜_的 便宜
clothes building flower picture song | beautiful more_beautiful | schön schön schöner | bonito ser | 美丽_的 美
clothes vehicle flower fruit | red - | rot rot - | rojo ser | 红色_的 -
clothes vehicle furniture dish | blue - | blau blau - | azul ser | 蓝色_的 -
clothes vehicle dish opening | green - | grün grün - | verde ser | 绿色_的 -
clothes dish flower | yellow - | gelb gelb - | amarillo ser | 黄色_的 -
load furniture | heavy heavier | schwer schwer schwerer | pesado ser | 沉重_的 重
text song | interesting more_interesting | interessant interessant interessanter | interesante ser | 有趣_的 有趣
letter | long longer | lang lang länger | largo ser | 长 长
text song | long longer | lang lang länger | largo ser | - 长
vehicle machine | broken - | kaputt kaputt - | roto estar | 坏_了_的 -
container | empty - | leer leer - | vacío estar | 空 -
clothes dish | clean - | sauber sauber - | limpio estar | 干净_的 -
clothes dish | dirty - | schmutzig schmutzig - | sucio estar | 脏 -
food | fresh fresher | frisch frisch frischer | fresco ser | 新鲜_的 新鲜
fruit sweets | sweet sweeter | süß süß süßer | dulce ser | 甜 甜
hot | hot - | heiß heiß - | caliente estar | 热 -
hot | cold - | kalt kalt - | frío estar | 冷 -
transport horse vehicle | fast faster | schnell schnell schneller | rápido ser | - 快
"""

# English | German, "s:" with sein | Spanish infinitive, present, past, gerund | Chinese | who | whom or what | times:
# (d)aily, (n)ow, (p)ast, (w)anted or possible | kinds of places | how the object is joined, if not by accusative
VERBS = """
read reads read reading | lese liest lesen gelesen | leer leo lee leemos leen leí leyó leímos leyeron leyendo \
    | 看 * @ | person family | text | dnpw | study home outdoors
write writes wrote writing | schreibe schreibt schreiben geschrieben \
    | escribir escribo escribe escribimos escriben escribí escribió escribimos escribieron escribiendo \
    | 写 * @ | person family | letter | dnpw | study home
buy buys bought buying | kaufe kauft kaufen gekauft \
    | comprar compro compra compramos compran compré compró compramos compraron comprando \
    | 买 * @ | person family | good food flower | dnpw | shop
sell sells sold selling | verkaufe verkauft verkaufen verkauft \
    | vender vendo vende vendemos venden vendí vendió vendimos vendieron vendiendo \
    | 卖 * @ | person family | good fruit farm | dnpw | shop
eat eats ate eating | esse isst essen gegessen | comer como come comemos comen comí comió comimos comieron comiendo \
    | 吃 * @ | person family | food | dnpw | eat home outdoors
drink drinks drank drinking | trinke trinkt trinken getrunken \
    | beber bebo bebe bebemos beben bebí bebió bebimos bebieron bebiendo \
    | 喝 * @ | person family | drink | dnpw | eat home
cook cooks cooked cooking | koche kocht kochen gekocht \
    | cocinar cocino cocina cocinamos cocinan cociné cocinó cocinamos cocinaron cocinando \
    | 做 * @ | person family | cookable | dnpw | cook home
see sees saw seeing | sehe sieht sehen gesehen | ver veo ve vemos ven vi vio vimos vieron viendo \
    | 看到 * @ | person family | person animal family plant | p | outdoors street
visit visits visited visiting | besuche besucht besuchen besucht \
    | visitar visito visita visitamos visitan visité visitó visitamos visitaron visitando \
    | 拜访 * @ | person family | person family | dpw |
help helps helped helping | helfe hilft helfen geholfen \
    | ayudar ayudo ayuda ayudamos ayudan ayudé ayudó ayudamos ayudaron ayudando \
    | 帮助 * @ | person family | person family | dnpw | study home outdoors | - dat -
call calls called calling | an- rufe ruft rufen angerufen \
    | llamar llamo llama llamamos llaman llamé llamó llamamos llamaron llamando \
    | 给 @ 打 * 电话 | person family | person family | dnpw | home
invite invites invited inviting | ein- lade lädt laden eingeladen \
    | invitar invito invita invitamos invitan invité invitó invitamos invitaron invitando \
    | 邀请 * @ | person family | person family | pw |
look_for looks_for looked_for looking_for | suche sucht suchen gesucht \
    | buscar busco busca buscamos buscan busqué buscó buscamos buscaron buscando \
    | 找 * @ | person family | small pet | np | outdoors home
find finds found finding | finde findet finden gefunden \
    | encontrar encuentro encuentra encontramos encuentran encontré encontró encontramos encontraron encontrando \
    | 找到 * @ | person family | small pet | p | outdoors street study
lose loses lost losing | verliere verliert verlieren verloren \
    | perder pierdo pierde perdemos pierden perdí perdió perdimos perdieron perdiendo \
    | 弄丢 * @ | person family | small | p | outdoors street study
open opens opened opening | auf- mache macht machen aufgemacht \
    | abrir abro abre abrimos abren abrí abrió abrimos abrieron abriendo \
    | 打开 * @ | person family | opening container | pw |
close closes closed closing | zu- mache macht machen zugemacht \
    | cerrar cierro cierra cerramos cierran cerré cerró cerramos cerraron cerrando \
    | 关上 * @ | person family | opening | pw |
repair repairs repaired repairing | repariere repariert reparieren repariert \
    | reparar reparo repara reparamos reparan reparé reparó reparamos repararon reparando \
    | 修理 * @ | person family | vehicle machine | dnpw | home
wash washes washed washing | wasche wäscht waschen gewaschen \
    | lavar lavo lava lavamos lavan lavé lavó lavamos lavaron lavando \
    | 洗 * @ | person family | clothes dish | dnpw | home
sing sings sang singing | singe singt singen gesungen \
    | cantar canto canta cantamos cantan canté cantó cantamos cantaron cantando \
    | 唱 * @ | person family | song | dnpw | home outdoors
draw draws drew drawing | zeichne zeichnet zeichnen gezeichnet \
    | dibujar dibujo dibuja dibujamos dibujan dibujé dibujó dibujamos dibujaron dibujando \
    | 画 * @ | person family | animal plant building vehicle | dnpw | study outdoors
carry carries carried carrying | trage trägt tragen getragen \
    | llevar llevo lleva llevamos llevan llevé llevó llevamos llevaron llevando | 搬 * @ | person family | load | npw |
play plays played playing | spiele spielt spielen gespielt \
    | jugar juego juega jugamos juegan jugué jugó jugamos jugaron jugando \
    | 和:with @ 一起:with 玩 | person family | pet family | dnpw | home outdoors street \
    | with:with mit:with+dat con:with
wait waits waited waiting | warte wartet warten gewartet \
    | esperar espero espera esperamos esperan esperé esperó esperamos esperaron esperando \
    | 等 * @ | person family | family transport | dnw | street | for:for auf:for+acc -
clean cleans cleaned cleaning | putze putzt putzen geputzt \
    | limpiar limpio limpia limpiamos limpian limpié limpió limpiamos limpiaron limpiando \
    | 擦 * @ | person family | opening furniture | dnpw | home
build builds built building | baue baut bauen gebaut \
    | construir construyo construye construimos construyen construí construyó construimos construyeron construyendo \
    | 建造 * @ | person family | building | npw |
forget forgets forgot forgetting | vergesse vergisst vergessen vergessen \
    | olvidar olvido olvida olvidamos olvidan olvidé olvidó olvidamos olvidaron olvidando \
    | 忘记 * @ | person family | letter | p |
learn learns learned learning | lerne lernt lernen gelernt \
    | aprender aprendo aprende aprendemos aprenden aprendí aprendió aprendimos aprendieron aprendiendo \
    | 学 * @ | person family | language | dnw | study home
speak speaks spoke speaking | spreche spricht sprechen gesprochen \
    | hablar hablo habla hablamos hablan hablé habló hablamos hablaron hablando \
    | 说 * @ | person family | language | dnw | study home
need needs needed needing | brauche braucht brauchen gebraucht \
    | necesitar necesito necesita necesitamos necesitan necesité necesitó necesitamos necesitaron necesitando \
    | 需要 @ | person family | small clothes furniture | h |
have has had having | habe hat haben gehabt \
    | tener tengo tiene tenemos tienen tuve tuvo tuvimos tuvieron teniendo | 有 @ | person family | good pet | h |
chase chases chased chasing | jage jagt jagen gejagt \
    | perseguir persigo persigue perseguimos persiguen perseguí persiguió perseguimos persiguieron persiguiendo \
    | 追 * @ | pet | animal | np | outdoors street | - acc a
sleep sleeps slept sleeping | schlafe schläft schlafen geschlafen \
    | dormir duermo duerme dormimos duermen dormí durmió dormimos durmieron durmiendo \
    | 睡觉 * | person family pet | | dnpw | home garden
work works worked working | arbeite arbeitet arbeiten gearbeitet \
    | trabajar trabajo trabaja trabajamos trabajan trabajé trabajó trabajamos trabajaron trabajando \
    | 工作 * | person family | | dnpw | home study shop
dance dances danced dancing | tanze tanzt tanzen getanzt \
    | bailar bailo baila bailamos bailan bailé bailó bailamos bailaron bailando \
    | 跳舞 * | person family | | dnpw | home outdoors
swim swims swam swimming | schwimme schwimmt schwimmen s:geschwommen \
    | nadar nado nada nadamos nadan nadé nadó nadamos nadaron nadando | 游泳 * | person family | | dnpw | water
laugh laughs laughed laughing | lache lacht lachen gelacht \
    | reír río ríe reímos ríen reí rió reímos rieron riendo | 笑 * | person family | | np | home study outdoors
cry cries cried crying | weine weint weinen geweint \
    | llorar lloro llora lloramos lloran lloré lloró lloramos lloraron llorando \
    | 哭 * | person family | | np | home study
"""

# Verbs that the sentence patterns themselves call for, by name; columns as in VERBS.
SPECIAL_VERBS = """
ser: be is was being | bin ist sind gewesen | ser soy es somos son fui fue fuimos fueron siendo | | | | |
estar: be is was being | bin ist sind gewesen \
    | estar estoy está estamos están estuve estuvo estuvimos estuvieron estando | | | | |
go: go goes went going | gehe geht gehen s:gegangen | ir voy va vamos van fui fue fuimos fueron yendo | 去 * | | | |
stay: stay stays stayed staying | bleibe bleibt bleiben s:geblieben \
    | quedarse me_quedo se_queda nos_quedamos se_quedan me_quedé se_quedó nos_quedamos se_quedaron quedándose \
    | 待 | | | |
give: give gives gave giving | gebe gibt geben gegeben \
    | darle le_doy le_da le_damos le_dan le_di le_dio le_dimos le_dieron dándole | 给 * @ | | | |
know: know knows knew knowing | weiß weiß wissen gewusst \
    | saber sé sabe sabemos saben supe supo supimos supieron sabiendo | 知道 | | | |
think: think thinks thought thinking | glaube glaubt glauben geglaubt \
    | creer creo cree creemos creen creí creyó creímos creyeron creyendo | 觉得 | | | |
say: say says said saying | sage sagt sagen gesagt \
    | decir digo dice decimos dicen dije dijo dijimos dijeron diciendo | 说 | | | |
"""

# English | German | Spanish by person | Chinese
MODALS = """
can can | kann kann können | puedo puede podemos pueden | 能
must must | muss muss müssen | tengo_que tiene_que tenemos_que tienen_que | 必须
want wants | will will wollen | quiero quiere queremos quieren | 想
"""

# person | English | German | Spanish | Chinese | possessive; Spanish leaves out what the verb says
PRONOUNS = """
1s | I | ich | - | 我 | my
1p | we | wir | - | 我们 | our
3s | he | er | él | 他 | his
3s | she | sie | ella | 她 | her
3p | they | sie | ellos | 他们 | their
"""

# English | German before endings | Spanish: masculine, feminine, and their plurals | Chinese
POSSESSIVES = """
my | mein | mi mi mis mis | 我
our | unser | nuestro nuestra nuestros nuestras | 我们
his | sein | su su sus sus | 他
her | ihr | su su sus sus | 她
their | ihr | su su sus sus | 他们
"""
NUMBERS = """
two | zwei | dos | 两
three | drei | tres | 三
four | vier | cuatro | 四
five | fünf | cinco | 五
"""

# Phrases: words with equal digits after the colon are linked. kind | English | German | Spanish | Chinese
TIMES = """
past | yesterday:1 | gestern:1 | ayer:1 | 昨天:1
past | last:1 week:2 | letzte:1 Woche:2 | la semana:2 pasada:1 | 上:1 个 星期:2
past | this:1 morning:2 | heute:1 Morgen:2 | esta:1 mañana:2 | 今天:1 早上:2
past | on:1 Sunday:2 | am:1 Sonntag:2 | el:1 domingo:2 | 星期天:2
past | two:1 days:2 ago:3 | vor:3 zwei:1 Tagen:2 | hace:3 dos:1 días:2 | 两:1 天:2 前:3
daily | every:1 day:2 | jeden:1 Tag:2 | todos:1 los días:2 | 每天:12
daily | every:1 morning:2 | jeden:1 Morgen:2 | cada:1 mañana:2 | 每天:1 早上:2
daily | every:1 week:2 | jede:1 Woche:2 | cada:1 semana:2 | 每个:1 星期:2
daily | in:1 the:2 evening:3 | am:12 Abend:3 | por:1 la:2 noche:3 | 晚上:3
daily | on:1 Sundays:2 | sonntags:12 | los:1 domingos:2 | 每个 星期天:2
wanted today | today:1 | heute:1 | hoy:1 | 今天:1
wanted | tomorrow:1 | morgen:1 | mañana:1 | 明天:1
wanted | next:1 week:2 | nächste:1 Woche:2 | la semana:2 próxima:1 | 下:1 个 星期:2
wanted today | this:1 evening:2 | heute:1 Abend:2 | esta:1 noche:2 | 今天:1 晚上:2
"""
PLACES = """
outdoors | in:1 the:2 park:3 | im:12 Park:3 | en:1 el:2 parque:3 | 在:1 公园:3 里:1
outdoors garden | in:1 the:2 garden:3 | im:12 Garten:3 | en:1 el:2 jardín:3 | 在:1 花园:3 里:1
street | on:1 the:2 street:3 | auf:1 der:2 Straße:3 | en:1 la:2 calle:3 | 在:1 街:3 上:1
outdoors | in:1 the:2 village:3 | im:12 Dorf:3 | en:1 el:2 pueblo:3 | 在:1 村子:3 里:1
home | at:1 home:2 | zu:1 Hause:2 | en:1 casa:2 | 在:1 家:2 里:1
cook | in:1 the:2 kitchen:3 | in:1 der:2 Küche:3 | en:1 la:2 cocina:3 | 在:1 厨房:3 里:1
study | in:1 the:2 school:3 | in:1 der:2 Schule:3 | en:1 la:2 escuela:3 | 在:1 学校:3 里:1
study | in:1 the:2 library:3 | in:1 der:2 Bibliothek:3 | en:1 la:2 biblioteca:3 | 在:1 图书馆:3 里:1
shop | in:1 the:2 supermarket:3 | im:12 Supermarkt:3 | en:1 el:2 supermercado:3 | 在:1 超市:3 里:1
shop | at:1 the:2 market:3 | auf:1 dem:2 Markt:3 | en:1 el:2 mercado:3 | 在:1 市场:3 上:1
eat | in:1 the:2 restaurant:3 | im:12 Restaurant:3 | en:1 el:2 restaurante:3 | 在:1 餐馆:3 里:1
water | in:1 the:2 river:3 | im:12 Fluss:3 | en:1 el:2 río:3 | 在:1 河:3 里:1
water | in:1 the:2 lake:3 | im:12 See:3 | en:1 el:2 lago:3 | 在:1 湖:3 里:1
"""
DESTINATIONS = """
to | to:1 school:2 | in:1 die Schule:2 | a:1 la escuela:2 | 学校:2
to | to:1 the:2 market:3 | auf:1 den:2 Markt:3 | a:1 el:2 mercado:3 | 市场:3
to | to:1 the:2 park:3 | in:1 den:2 Park:3 | a:1 el:2 parque:3 | 公园:3
to | to:1 the:2 library:3 | in:1 die:2 Bibliothek:3 | a:1 la:2 biblioteca:3 | 图书馆:3
to | to:1 the:2 museum:3 | ins:12 Museum:3 | a:1 el:2 museo:3 | 博物馆:3
to | to:1 the:2 cinema:3 | ins:12 Kino:3 | a:1 el:2 cine:3 | 电影院:3
to | to:1 the:2 restaurant:3 | ins:12 Restaurant:3 | a:1 el:2 restaurante:3 | 餐馆:3
"""
# English | German, dative follows | Spanish | Chinese after the noun
PREPOSITIONS = """
under | unter | debajo_de | 下面
on | auf | sobre | 上
behind | hinter | detrás_de | 后面
next_to | neben | al_lado_de | 旁边
in_front_of | vor | delante_de | 前面
"""
# why | English | German | Spanish masculine | Chinese | verbs that it is a reason for; "not": for not doing it
FEELINGS = """
tired | müde | cansado | 很 累:1 | sleep stay not-work not-dance
sick | krank | enfermo | 生病:1 了 | stay not-work sleep not-swim
sad | traurig | triste | 很 难过:1 | cry stay not-dance
happy | froh | contento | 很 高兴:1 | laugh dance
nervous | nervös | nervioso | 很 紧张:1 | laugh cry
"""
QUESTION_WORDS = """
place | where:1 | wo:1 | dónde:1 | 在 哪里:1
time | when:1 | wann:1 | cuándo:1 | 什么:1 时候:1
reason | why:1 | warum:1 | por:1 qué:1 | 为什么:1
"""

# German by case, for masculine, feminine, neuter and plural
DEFINITE = {"nom": "der die das die", "acc": "den die das die", "dat": "dem der dem den"}
STRONG = {"nom": "er e es e", "acc": "en e es e", "dat": "em er em en"}
MIXED = {"nom": "er e es en", "acc": "en e es en", "dat": "en en en en"}  # after ein, kein, mein
WEAK = {"nom": "e e e en", "acc": "en e e en", "dat": "en en en en"}  # after der, dieser
EIN = {"nom": "- e - e", "acc": "en e - e", "dat": "em er em en"}
# Spanish: masculine, feminine, and their plurals
SPANISH_ARTICLES = {
    "the": "el la los las",
    "a": "un una unos unas",
    "this": "este esta estos estas",
}
CONTRACTIONS = {("de", "el"): "del", ("a", "el"): "al"}
ENGLISH_BE = {"1s": "am", "3s": "is", "1p": "are", "3p": "are"}
CLITICS = {"1s": "me", "3s": "le", "1p": "nos", "3p": "les"}
HAVE, BE = ("habe", "hat", "haben"), ("bin", "ist", "sind")


# Words


@dataclass(frozen=True)
class Token:
    """A word of a sentence and the concepts it stands for."""

    text: str
    concepts: frozenset[str] = frozenset()


Tokens = tuple[Token, ...]
Phrase = dict[str, Tokens]  # by language
NOTHING: Phrase = {language: () for language in LANGUAGES}


def words(text: str, *concepts: str) -> Tokens:
    """Make a token of each part of `a_b`; "-" and "" are no word."""
    return tuple(Token(part, frozenset(concepts)) for part in text.split("_") if part not in ("", "-"))


def marked_words(notation: str, slot: str, default: str = "") -> Tokens:
    """Read `last:1 week:2`: the concept of a word is what follows the colon, each digit one, in this slot."""
    tokens: Tokens = ()
    for item in notation.split():
        text, _, marks = item.partition(":")
        names = list(marks) if marks.isdigit() else [marks or default]
        tokens += words(text, *(f"{slot}.{name}" for name in names if name))
    return tokens


def rows(table: str) -> list[list[str]]:
    """Split a table of the lexicon into rows and columns."""
    lines = table.replace("\\\n", "").strip().splitlines()
    return [[column.strip() for column in line.split("|")] for line in lines]


def phrase(columns: Sequence[str], slot: str) -> Phrase:
    """Read a phrase given in four columns."""
    return {language: marked_words(notation, slot) for language, notation in zip(LANGUAGES, columns, strict=True)}


def join(*phrases: Phrase) -> Phrase:
    """Put phrases one after the other in every language."""
    return {language: tuple(token for part in phrases for token in part[language]) for language in LANGUAGES}


# Entries of the lexicon


@dataclass(frozen=True)
class Noun:
    """A noun, name or pronoun; forms are singular and plural."""

    classes: frozenset[str]
    en: tuple[str, ...]
    de_gender: str
    de: tuple[str, ...]  # nominative, other cases, plural
    es_gender: str
    es: tuple[str, ...]
    zh: str
    measure: str = "个"
    sex: str = ""
    person: str = "3s"
    possessive: str = ""


@dataclass(frozen=True)
class Adjective:
    """An adjective."""

    classes: frozenset[str]
    en: tuple[str, ...]  # positive, comparative
    de: tuple[str, ...]  # before endings, predicate, comparative
    es: str
    copula: str
    zh: tuple[str, ...]  # before a noun, predicate

    def spanish(self, feminine: bool, plural: bool) -> str:
        """Return the form that agrees."""
        singular, _, irregular = self.es.partition("/")
        if singular.endswith("o"):
            return singular[:-1] + ("a" if feminine else "o") + "s" * plural
        if not plural:
            return singular
        return irregular or singular + ("s" if singular[-1] in "aeiou" else "es")


@dataclass(frozen=True)
class Verb:
    """A verb with its forms, the classes it goes with and how its object is joined."""

    en: tuple[str, ...]  # base, third person, past, -ing
    particle: str
    de: tuple[str, ...]  # first person, third person, infinitive and plural, participle
    with_sein: bool
    es: tuple[str, ...]  # infinitive, four of the present, four of the past, gerund
    zh: str
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    tenses: str
    places: tuple[str, ...]
    joined: tuple[str, ...]  # English, German with case, Spanish


@dataclass(frozen=True)
class Modal:
    """A modal verb."""

    en: tuple[str, ...]
    de: tuple[str, ...]
    es: tuple[str, ...]
    zh: str


def read_noun(columns: list[str]) -> Noun:
    """Read a row of `NOUNS`."""
    classes, english, german, spanish, chinese, *sex = columns
    (de_gender, *de_forms), (es_gender, *es_forms), (zh, measure) = german.split(), spanish.split(), chinese.split()
    owner = {"m": "his", "f": "her"}.get("".join(sex), "")
    return Noun(
        frozenset(classes.split()), tuple(english.split()), de_gender, tuple(de_forms), es_gender, tuple(es_forms),
        zh, measure, "".join(sex), possessive=owner,
    )  # fmt: skip


def read_pronoun(columns: list[str]) -> Noun:
    """Read a row of `PRONOUNS`."""
    person, english, german, spanish, chinese, possessive = columns
    forms = [(text, text) for text in (english, german, spanish)]
    gender = "f" if english == "she" else "m"
    kind = frozenset({"pronoun"})
    sex = gender if person == "3s" else ""
    return Noun(
        kind, forms[0], gender, (german, german, german), gender, forms[2], chinese, "个", sex, person, possessive
    )


def read_adjective(columns: list[str]) -> Adjective:
    """Read a row of `ADJECTIVES`."""
    classes, english, german, spanish, chinese = (column.split() for column in columns)
    return Adjective(frozenset(classes), tuple(english), tuple(german), spanish[0], spanish[1], tuple(chinese))


def read_verb(columns: list[str]) -> Verb:
    """Read a row of `VERBS`."""
    english, german, spanish, chinese, subjects, objects, tenses, places, *joined = columns
    particle, forms = "", german.split()
    if forms[0].endswith("-"):
        particle = forms.pop(0)[:-1]
    with_sein = forms[3].startswith("s:")
    forms[3] = forms[3].removeprefix("s:")
    return Verb(
        tuple(english.split()), particle, tuple(forms), with_sein, tuple(spanish.split()), chinese,
        tuple(subjects.split()), tuple(objects.split()), tenses, tuple(places.split()),
        tuple((joined or ["- acc -"])[0].split()),
    )  # fmt: skip


def read_modal(columns: list[str]) -> Modal:
    """Read a row of `MODALS`."""
    english, german, spanish, chinese = columns
    return Modal(tuple(english.split()), tuple(german.split()), tuple(spanish.split()), chinese)


def read_special_verbs() -> dict[str, Verb]:
    """Read `SPECIAL_VERBS` by name."""
    verbs = {}
    for first, *others in rows(SPECIAL_VERBS):
        name, _, english = first.partition(": ")
        verbs[name] = read_verb([english, *others])
    return verbs


ALL_NOUNS = [read_noun(columns) for columns in rows(NOUNS)]
ALL_ADJECTIVES = [read_adjective(columns) for columns in rows(ADJECTIVES)]
ALL_VERBS = [read_verb(columns) for columns in rows(VERBS)]
BY_NAME = {verb.en[0]: verb for verb in ALL_VERBS} | read_special_verbs()
ALL_PRONOUNS = {columns[1]: read_pronoun(columns) for columns in rows(PRONOUNS)}
ALL_MODALS = {columns[0].split()[0]: read_modal(columns) for columns in rows(MODALS)}
ALL_POSSESSIVES = {columns[0]: columns[1:] for columns in rows(POSSESSIVES)}
ALL_NUMBERS = {columns[0]: columns[1:] for columns in rows(NUMBERS)}
WHO = Noun(frozenset(), ("who",), "m", ("wer", "wer"), "m", ("quién",), "谁")
WHAT = Noun(frozenset(), ("",), "n", ("", ""), "m", ("",), "什么")  # other languages ask first


# Noun phrases


@dataclass(frozen=True)
class NounPhrase:
    """A noun with what stands before or after it; `slot` begins the names of its concepts.

    `det` is "the", "a", "this", "no" (German kein; nothing elsewhere), a possessive, a number, "owner" or "".
    """

    noun: Noun
    slot: str
    det: str = ""
    adjective: Adjective | None = None
    plural: bool = False
    owner: Noun | None = None

    @property
    def person(self) -> str:
        """Return the person and number that the verb agrees with."""
        return "3p" if self.plural else self.noun.person

    @property
    def human(self) -> bool:
        """Say whether Spanish asks for "a" before this as an object: a person, or one's own pet."""
        pet = "pet" in self.noun.classes and self.det in ALL_POSSESSIVES
        return pet or bool(self.noun.classes & {"person", "family"})

    def concept(self, part: str) -> str:
        """Name the concept of one part."""
        return f"{self.slot}.{part}"


def english_noun_phrase(this: NounPhrase) -> Tokens:
    """Write a noun phrase in English."""
    adjective = words(this.adjective.en[0], this.concept("adjective")) if this.adjective else ()
    noun = words(this.noun.en[this.plural], this.concept("noun"))
    rest = adjective + noun
    if this.owner:
        return words(this.owner.en[0], this.concept("owner")) + words("'s", this.concept("of")) + rest
    det = "" if this.det == "no" else this.det
    if this.det == "this" and this.plural:
        det = "these"
    if this.det == "a" and rest[0].text[0].lower() in "aeiou":
        det = "an"
    return words(det, this.concept("det")) + rest


def german_endings(table: dict[str, str], this: NounPhrase, case: str) -> str:
    """Look up an ending by case, gender and number."""
    column = 3 if this.plural else "mfn".index(this.noun.de_gender)
    return table[case].split()[column].replace("-", "")


def german_determiner(this: NounPhrase, case: str) -> tuple[str, dict[str, str]]:
    """Return the determiner and the endings of an adjective after it."""
    if this.owner:
        return this.owner.de[0] + "s", STRONG
    if this.det in ("", *ALL_NUMBERS):
        return ALL_NUMBERS[this.det][0] if this.det else "", STRONG
    if this.det == "the":
        return german_endings(DEFINITE, this, case), WEAK
    if this.det == "this":
        return "dies" + german_endings(STRONG, this, case), WEAK
    stem = {"a": "ein", "no": "kein"}.get(this.det) or ALL_POSSESSIVES[this.det][0]
    return stem + german_endings(EIN, this, case), MIXED


def german_noun_phrase(this: NounPhrase, case: str) -> Tokens:
    """Write a noun phrase in German."""
    determiner, endings = german_determiner(this, case)
    concepts = [this.concept("owner"), this.concept("of")] if this.owner else [this.concept("det")]
    if this.det == "no":
        concepts.append(this.slot.split(".")[0] + ".not")
    form = this.noun.de[2 if this.plural else case != "nom"]
    if this.plural and case == "dat" and form[-1] not in "ns":
        form += "n"
    adjective: Tokens = ()
    if this.adjective:
        adjective = words(this.adjective.de[0] + german_endings(endings, this, case), this.concept("adjective"))
    return words(determiner, *concepts) + adjective + words(form, this.concept("noun"))


def spanish_noun_phrase(this: NounPhrase) -> Tokens:
    """Write a noun phrase in Spanish."""
    feminine = this.noun.es_gender == "f"
    noun = words(this.noun.es[this.plural], this.concept("noun"))
    if this.adjective:
        noun += words(this.adjective.spanish(feminine, this.plural), this.concept("adjective"))
    if this.owner:
        noun += words("de", this.concept("of")) + words(this.owner.es[0], this.concept("owner"))
    if this.det in ALL_NUMBERS:
        return words(ALL_NUMBERS[this.det][1], this.concept("det")) + noun
    if this.det in ("", "no"):
        return noun
    article = "the" if this.owner else this.det
    forms = SPANISH_ARTICLES.get(article) or ALL_POSSESSIVES[article][1]
    return words(forms.split()[feminine + 2 * this.plural], this.concept("det")) + noun


def chinese_determiner(this: NounPhrase, subject: bool) -> Tokens:
    """Write what stands before a Chinese noun and its adjective; a bare subject is definite by itself."""
    det = this.concept("det")
    if this.owner:
        return words(this.owner.zh, this.concept("owner")) + words("的", this.concept("of"))
    if this.det in ALL_POSSESSIVES:
        return words(ALL_POSSESSIVES[this.det][2] + "_的", det)
    if this.det in ("", "no") or (this.det == "the" and subject and not this.adjective and not this.plural):
        return ()
    if this.det in ALL_NUMBERS:
        return words(f"{ALL_NUMBERS[this.det][2]}_{this.noun.measure}", det)
    first = {"the": "那", "this": "这", "a": "一"}[this.det]
    return words(first + "些" if this.plural else f"{first}_{this.noun.measure}", det)


def chinese_noun_phrase(this: NounPhrase, subject: bool) -> Tokens:
    """Write a noun phrase in Chinese."""
    adjective: Tokens = ()
    if this.adjective:
        stem, _, others = this.adjective.zh[0].partition("_")
        adjective = words(stem, this.concept("adjective")) + words(others)
    return chinese_determiner(this, subject) + adjective + words(this.noun.zh, this.concept("noun"))


def noun_phrase(this: NounPhrase, case: str = "nom", subject: bool = True) -> Phrase:
    """Write a noun phrase in every language."""
    return {
        "en": english_noun_phrase(this),
        "de": german_noun_phrase(this, case),
        "es": spanish_noun_phrase(this),
        "zh": chinese_noun_phrase(this, subject),
    }


# Clauses


@dataclass(frozen=True)
class Clause:
    """A verb with what belongs to it. `slot` begins the names of its concepts."""

    subject: NounPhrase
    verb: Verb
    slot: str = "1"
    object: NounPhrase | None = None
    recipient: NounPhrase | None = None
    complement: Phrase = field(default_factory=lambda: NOTHING)
    tense: str = "present"  # or "past", or "now"
    modal: Modal | None = None
    negated: bool = False
    time: Phrase = field(default_factory=lambda: NOTHING)
    time_first: bool = False
    place: Phrase = field(default_factory=lambda: NOTHING)
    asked: Phrase = field(default_factory=lambda: NOTHING)  # the question word

    @property
    def what(self) -> NounPhrase:
        """Return the object of a clause that is known to have one."""
        assert self.object is not None
        return self.object

    @property
    def has_do(self) -> bool:
        """Say whether the English negation or question is one with "do"."""
        return self.tense != "now" and self.verb.en[0] != "be" and (not self.modal or self.modal.en[0] == "want")

    def concept(self, part: str) -> str:
        """Name the concept of one part."""
        return f"{self.slot}.{part}"

    def past_concept(self, question: bool) -> str:
        """Name what a word for the past stands for: English "did", or the verb where there is none."""
        return self.concept("do" if self.negated or question else "verb")


def english_verb(this: Clause, inverted: bool) -> tuple[Tokens, Tokens]:
    """Write the word that a question begins with, if any, and the rest of the verb."""
    person, verb, not_, modal = this.subject.person, this.concept("verb"), this.concept("not"), this.modal
    if verb_is_be := this.verb.en[0] == "be":
        return words(ENGLISH_BE[person], verb), words("not", not_) if this.negated else ()
    if this.tense == "now" and not verb_is_be:
        return words(ENGLISH_BE[person], this.concept("now")), words(this.verb.en[3], verb)
    head = modal.en if modal else this.verb.en
    concept = this.concept("modal") if modal else verb
    tail = words("to") + words(this.verb.en[0], verb) if modal else ()
    if modal and not this.has_do:
        form = "cannot" if this.negated else head[0]
        return words(form, concept, *([not_] if this.negated else [])), tail[1:]
    if inverted or this.negated:
        do = "did" if this.tense == "past" else "does" if person == "3s" else "do"
        denial = words("not", not_) if this.negated else ()
        return words(do, this.concept("do")), denial + words(head[0], concept) + tail
    form = head[2] if this.tense == "past" else head[person == "3s"]
    return (), words(form, concept) + tail


def english_clause(this: Clause, order: str) -> Tokens:
    """Write a clause in English."""
    subject = english_noun_phrase(this.subject)
    question = order == "question"
    first, rest = english_verb(this, question)
    core = this.asked["en"] + first + subject + rest if question else subject + first + rest
    objects = marked_words(this.verb.joined[0], this.slot)
    for part in (this.recipient, this.object):
        objects += english_noun_phrase(part) if part else ()
    core += objects + this.complement["en"] + this.place["en"]
    return this.time["en"] + core if this.time_first else core + this.time["en"]


def german_verb(this: Clause, order: str) -> tuple[Tokens, Tokens]:
    """Write the finite verb and what stands at the end of the clause."""
    person, verb = {"1s": 0, "3s": 1}.get(this.subject.person, 2), this.concept("verb")
    if this.modal:
        return words(this.modal.de[person], this.concept("modal")), words(this.verb.particle + this.verb.de[2], verb)
    if this.tense == "past":
        forms = BE if this.verb.with_sein else HAVE
        return words(forms[person], this.past_concept(order == "question")), words(this.verb.de[3], verb)
    if order == "final":
        return words(this.verb.particle + this.verb.de[person], verb), ()
    return words(this.verb.de[person], verb), words(this.verb.particle, verb)


def german_object(this: Clause) -> Tokens:
    """Write the object in its case."""
    if this.object is None:
        return ()
    preposition, _, case = this.verb.joined[1].rpartition("+")
    return marked_words(preposition, this.slot) + german_noun_phrase(this.object, case)


def german_middle(this: Clause, time: Tokens) -> Tokens:
    """Write what stands between the finite verb and the end, except for the subject."""
    what = german_object(this)
    recipient = german_noun_phrase(this.recipient, "dat") if this.recipient else ()
    if not this.negated or (this.object and this.object.det == "no"):
        now = words("gerade", this.concept("now")) if this.tense == "now" else ()
        return time + now + this.place["de"] + recipient + what
    denial = words("nicht", this.concept("not"))
    if "+" in this.verb.joined[1]:
        return time + this.place["de"] + denial + what
    return what + time + this.place["de"] + denial


def german_clause(this: Clause, order: str) -> Tokens:
    """Write a clause in German: verb second, first ("question", "inverted") or last ("final")."""
    finite, end = german_verb(this, order)
    subject = german_noun_phrase(this.subject, "nom")
    rest = german_middle(this, () if this.time_first else this.time["de"]) + this.complement["de"] + end
    if order == "final":
        return subject + rest + finite
    if order in ("question", "inverted"):
        return this.asked["de"] + finite + subject + rest
    if this.time_first:
        return this.time["de"] + finite + subject + rest
    return subject + finite + rest


def spanish_verb(this: Clause) -> tuple[Tokens, Tokens]:
    """Write the finite verb, which says the subject where that is left out, and the rest of the verb."""
    person = PERSONS.index(this.subject.person)
    verb, dropped = this.concept("verb"), [] if spanish_noun_phrase(this.subject) else [this.subject.concept("noun")]
    denial = words("no", this.concept("not")) if this.negated else ()
    if this.modal:
        finite = words(this.modal.es[person], this.concept("modal"), *dropped)
        return denial + finite, words(this.verb.es[0], verb)
    if this.tense == "now":
        finite = words(BY_NAME["estar"].es[1 + person], this.concept("now"), *dropped)
        return denial + finite, words(this.verb.es[9], verb)
    start = 5 if this.tense == "past" else 1
    return denial + words(this.verb.es[start + person], verb, *dropped), ()


def spanish_objects(this: Clause) -> Tokens:
    """Write object and recipient, a person with "a"."""
    tokens = marked_words(this.verb.joined[2], this.slot)
    if this.object:
        tokens += words("a") if this.object.human and not tokens else ()
        tokens += spanish_noun_phrase(this.object)
    return tokens + (words("a") + spanish_noun_phrase(this.recipient) if this.recipient else ())


def spanish_clause(this: Clause, order: str) -> Tokens:
    """Write a clause in Spanish."""
    subject, (finite, rest) = spanish_noun_phrase(this.subject), spanish_verb(this)
    core = subject + finite + rest
    if order == "question":
        divided = not this.asked["es"] and finite[-1].text != "que"
        core = this.asked["es"] + finite + (subject + rest if divided else rest + subject)
    core += spanish_objects(this) + this.complement["es"] + this.place["es"]
    return this.time["es"] + core if this.time_first else core + this.time["es"]


def chinese_verb(this: Clause, question: bool) -> Tokens:
    """Write the verb with its objects."""
    tokens: Tokens = ()
    for item in this.verb.zh.split():
        if item == "@":
            for part in (this.recipient, this.object):
                tokens += chinese_noun_phrase(part, subject=False) if part else ()
        elif item == "*":
            happened = this.tense == "past" and not this.negated
            tokens += words("了", this.past_concept(question)) if happened else ()
        else:
            tokens += marked_words(item, this.slot, "verb")
    return tokens


def chinese_clause(this: Clause, order: str) -> Tokens:
    """Write a clause in Chinese: time and place before the verb."""
    question = order == "question"
    subject = chinese_noun_phrase(this.subject, subject=True)
    subject = this.time["zh"] + subject if this.time_first else subject + this.time["zh"]
    where = this.asked["zh"] if this.asked["zh"][:1] == words("在") else ()
    before = () if where else this.asked["zh"]
    if this.negated and this.tense == "past":
        before += words("没有", this.concept("not"), this.concept("do"))
    elif this.negated:
        before += words("没" if this.verb.zh.startswith("有") else "不", this.concept("not"))
    if this.modal:
        before += words(this.modal.zh, this.concept("modal"))
    if this.tense == "now":
        before += words("正在", this.concept("now"))
    before = before + where + this.place["zh"]
    asking = words("吗") if question and not any(this.asked.values()) else ()
    return subject + before + chinese_verb(this, question) + this.complement["zh"] + asking


def clause_phrase(this: Clause, order: str = "statement") -> Phrase:
    """Write a clause in every language.

    Args:
        this: the clause.
        order: "statement", "question", "final" (German verb last) or "inverted" (German verb first).
    """
    return {
        "en": english_clause(this, order),
        "de": german_clause(this, order),
        "es": spanish_clause(this, order),
        "zh": chinese_clause(this, order),
    }


# Choosing words that make sense together


@dataclass
class Chooser:
    """Draws parts of sentences."""

    draw: random.Random

    def verb(self, times: str, with_object: bool | None = None) -> Verb:
        """Draw a verb that is said at these times."""
        fitting = [
            verb for verb in ALL_VERBS if set(times) & set(verb.tenses) and with_object in (None, bool(verb.objects))
        ]
        return self.draw.choice(fitting)

    def noun(self, classes: Iterable[str]) -> Noun:
        """Draw a noun of one of these classes."""
        wanted = set(classes)
        return self.draw.choice([noun for noun in ALL_NOUNS if wanted & noun.classes])

    def adjective(self, noun: Noun, chance: float = 0.5) -> Adjective | None:
        """Draw an adjective to stand before a noun, or none."""
        fitting = [entry for entry in ALL_ADJECTIVES if entry.classes & noun.classes and entry.zh[0] != "-"]
        return self.draw.choice(fitting) if fitting and self.draw.random() < chance else None

    def predicate(self, noun: Noun) -> Adjective | None:
        """Draw an adjective that can be said, and compared, after a verb; None if there is no such one."""
        fitting = [entry for entry in ALL_ADJECTIVES if entry.classes & noun.classes and entry.en[1] != "-"]
        return self.draw.choice(fitting) if fitting else None

    def subject(
        self, classes: Iterable[str] = ("person", "family"), slot: str = "1.subject", counted: bool = False
    ) -> NounPhrase:
        """Draw a subject: a pronoun, a name, somebody's mother, a teacher, an animal; two teachers, if `counted`."""
        classes = tuple(classes)
        chance = self.draw.random()
        if chance < 0.3 and "person" in classes:
            pronouns = list(ALL_PRONOUNS.values())
            return NounPhrase(self.draw.choice(pronouns if chance < 0.15 else pronouns[:2]), slot)
        if chance < 0.45 and "person" in classes:
            return NounPhrase(self.noun(("name",)), slot)
        noun = self.noun(classes)
        if "family" in noun.classes:
            return NounPhrase(noun, slot, self.draw.choice(("my", "our", "his", "her", "their")))
        det = self.draw.choice(("the", "the", "the", "this", *(("my", "our") if "pet" in noun.classes else ())))
        plural = det == "the" and self.draw.random() < 0.25
        if plural and counted:
            det = self.draw.choice(list(ALL_NUMBERS))
        return NounPhrase(noun, slot, det, self.adjective(noun, 0.35), plural)

    def object(self, subject: NounPhrase, verb: Verb, dets: Sequence[str], slot: str = "1.object") -> NounPhrase:
        """Draw an object; `dets` are those that suit the sentence, "own" a possessive of the subject."""
        noun = self.noun(verb.objects)
        while noun.en == subject.noun.en:
            noun = self.noun(verb.objects)
        return self.thing(noun, dets, slot, self.possessive(subject))

    def possessive(self, subject: NounPhrase) -> str:
        """Return the possessive of a subject."""
        if subject.person == "3p":
            return "their"
        return subject.noun.possessive or self.draw.choice(("my", "our"))

    def thing(self, noun: Noun, dets: Sequence[str], slot: str, own: str = "my") -> NounPhrase:
        """Draw what stands with a noun."""
        if "language" in noun.classes:
            return NounPhrase(noun, slot)
        if "family" in noun.classes:
            return NounPhrase(noun, slot, own)
        if "person" in noun.classes:
            return NounPhrase(noun, slot, self.draw.choice(("the", "the", "this")), self.adjective(noun, 0.4))
        if noun.classes & {"transport", "opening"}:
            return NounPhrase(noun, slot, "the", self.adjective(noun))
        eaten = bool(noun.classes & {"food", "produce"})
        det = self.draw.choice([det for det in dets if not (eaten and det in ("this", "own"))])
        if "mass" in noun.classes:
            return NounPhrase(noun, slot, det if det in ("", "no") else "the", self.adjective(noun))
        det = {"own": own, "number": self.draw.choice(list(ALL_NUMBERS))}.get(det, det)
        plural = det in ("", "no", *ALL_NUMBERS)
        return NounPhrase(noun, slot, det, self.adjective(noun), plural)

    def phrase(self, table: str, kinds: Iterable[str], slot: str, chance: float = 1.0) -> Phrase:
        """Draw a time or a place of these kinds, or none."""
        wanted = set(kinds)
        fitting = [columns[1:] for columns in rows(table) if wanted & set(columns[0].split())]
        return phrase(self.draw.choice(fitting), slot) if fitting and self.draw.random() < chance else NOTHING

    def clause(self, times: str, slot: str = "1", with_object: bool | None = None) -> Clause:
        """Draw a clause: `times` as in `VERBS`, one of them."""
        verb = self.verb(times, with_object)
        subject = self.subject(verb.subjects, f"{slot}.subject", counted=times == "p")
        this = Clause(subject, verb, slot, tense={"p": "past", "n": "now"}.get(times, "present"))
        if verb.objects:
            dets = ("",) if times == "d" else ("a", "a", "the", "own", "this")
            dets = (*dets, "number") if times == "p" else dets
            this = replace(this, object=self.object(subject, verb, dets, f"{slot}.object"))
        if times == "n":
            return this
        kind = {"p": "past", "d": "daily", "w": "wanted"}[times]
        time = self.phrase(TIMES, (kind,), f"{slot}.time", 0.7)
        place = self.phrase(PLACES, verb.places, f"{slot}.place", 0.35 if verb.objects else 0.8)
        return replace(this, time=time, place=place, time_first=any(time.values()) and self.draw.random() < 0.3)


def pronoun_for(subject: NounPhrase, slot: str) -> NounPhrase:
    """Return the pronoun that takes up a subject; Spanish leaves it out."""
    person, sex = subject.person, subject.noun.sex
    name = {"1s": "I", "1p": "we", "3p": "they"}.get(person) or ("she" if sex == "f" else "he")
    return NounPhrase(replace(ALL_PRONOUNS[name], es=("", "")), slot)


def it_for(thing: NounPhrase, slot: str) -> NounPhrase:
    """Return the pronoun that takes up a thing; German looks at its gender, Spanish leaves it out."""
    german = {"m": "er", "f": "sie", "n": "es"}[thing.noun.de_gender]
    noun = Noun(frozenset(), ("it",), thing.noun.de_gender, (german, german), thing.noun.es_gender, ("",), "它")
    return NounPhrase(noun, slot)


def described(subject: NounPhrase, adjective: Adjective, degree: tuple[str, str, str, str], slot: str = "1") -> Clause:
    """Say what something is like; `degree` is "very" or "too" in each language."""
    feminine, plural = subject.noun.es_gender == "f", subject.person in ("1p", "3p")
    forms = (adjective.en[0], adjective.de[1], adjective.spanish(feminine, plural), adjective.zh[1])
    complement = {}
    for language, form, word in zip(LANGUAGES, forms, degree, strict=True):
        first, _, last = word.partition("+")
        complement[language] = words(first, f"{slot}.degree") + words(form, f"{slot}.predicate") + words(last)
    return Clause(subject, BY_NAME[adjective.copula], slot, complement=complement)


VERY, TOO = ("very", "sehr", "muy", "很"), ("too", "zu", "demasiado", "太+了")


# The sentence patterns; each returns the sentence without capital, and its last punctuation mark

Drawn = tuple[Phrase, str]


def past(choose: Chooser) -> Drawn:
    """Say what happened: Yesterday the teacher bought an old book."""
    return clause_phrase(choose.clause("p", with_object=True)), "."


def habit(choose: Chooser) -> Drawn:
    """Say what happens again and again: My sister drinks coffee every morning."""
    return clause_phrase(choose.clause("d", with_object=True)), "."


def now(choose: Chooser) -> Drawn:
    """Say what is going on: The boy is reading an interesting book."""
    return clause_phrase(choose.clause("n")), "."


def without_object(choose: Chooser) -> Drawn:
    """Say what somebody does somewhere: The children danced in the park yesterday."""
    return clause_phrase(choose.clause(choose.draw.choice("dpd"), with_object=False)), "."


def modal(choose: Chooser) -> Drawn:
    """Say what somebody wants, can or must do: The girl wants to buy a red bicycle."""
    this = choose.clause("w")
    return clause_phrase(replace(this, modal=choose.draw.choice(list(ALL_MODALS.values())))), "."


def denied(choose: Chooser) -> Drawn:
    """Say what is not so: Anna did not read the letter."""
    kind = choose.draw.choice("pdw")
    this = choose.clause(kind, with_object=True)
    today = choose.phrase(TIMES, ("past" if kind == "p" else "today",), "1.time", 0.6)
    this = replace(this, negated=True, place=NOTHING, time=today, time_first=False)
    if kind == "w":
        this = replace(this, modal=ALL_MODALS[choose.draw.choice(("can", "want"))])
    noun = this.what.noun
    thing = choose.thing(
        noun, ("no",) if kind == "d" else ("the", "this", "own"), this.what.slot, choose.possessive(this.subject)
    )
    if "language" in noun.classes:
        thing = replace(thing, det="no")
    return clause_phrase(replace(this, object=thing)), "."


def asked(choose: Chooser) -> Drawn:
    """Ask whether: Did your neighbour sell the car?"""
    kind = choose.draw.choice("ppdw")
    this = choose.clause(kind, with_object=True)
    this = replace(this, time_first=False, modal=ALL_MODALS["can"] if kind == "w" else None)
    return clause_phrase(this, "question"), "?"


def asked_for_more(choose: Chooser) -> Drawn:
    """Ask where, when or why: Why did Peter sell the old bicycle?"""
    kind, *columns = choose.draw.choice(rows(QUESTION_WORDS))
    this = choose.clause("p" if kind == "reason" else "w", with_object=True)
    while kind == "place" and not this.verb.places:
        this = choose.clause("w", with_object=True)
    this = replace(this, asked=phrase(columns, "1.asked"), time_first=False)
    if kind == "reason":
        return clause_phrase(this, "question"), "?"
    this = replace(this, modal=ALL_MODALS[choose.draw.choice(("want", "can", "must"))], place=NOTHING)
    return clause_phrase(replace(this, time=NOTHING) if kind == "time" else this, "question"), "?"


def asked_who_or_what(choose: Chooser) -> Drawn:
    """Ask who or what: Who bought the new car? What is Anna reading now?"""
    if choose.draw.random() < 0.6:
        this = choose.clause("p", with_object=True)
        own = choose.thing(this.what.noun, ("the", "this", "a"), this.what.slot)
        return clause_phrase(replace(this, subject=NounPhrase(WHO, "1.subject"), object=own, time_first=False)), "?"
    verb = BY_NAME[choose.draw.choice(("read", "buy", "sell", "eat", "drink", "cook", "draw", "learn", "wash"))]
    this = replace(choose.clause("w"), verb=verb, object=NounPhrase(WHAT, "1.object"), time_first=False)
    question = {language: words(text, "1.object.noun") for language, text in (("en", "what"), ("de", "was"))}
    subject = choose.subject(slot="1.subject")
    this = replace(this, subject=subject, asked=NOTHING | question | {"es": words("qué", "1.object.noun")})
    place = choose.phrase(PLACES, verb.places, "1.place", 0.5)
    this = replace(this, modal=ALL_MODALS[choose.draw.choice(("want", "can", "must"))], place=place)
    return clause_phrase(this, "question"), "?"


def because(choose: Chooser) -> Drawn:
    """Give a feeling as the reason: Maria stays at home because she is tired."""
    english, german, spanish, chinese, reasons = choose.draw.choice(rows(FEELINGS))
    name = choose.draw.choice(reasons.split())
    verb = BY_NAME[name.removeprefix("not-")]
    subject = choose.subject(slot="1.subject")
    while subject.person == "3s" and not subject.noun.sex:
        subject = choose.subject(slot="1.subject")
    home = phrase(["at:1 home:2", "zu:1 Hause:2", "en:1 casa:2", "在:1 家:2 里:1"], "1.place")
    main = Clause(subject, verb, complement=home if name == "stay" else NOTHING, negated=name.startswith("not-"))
    main = replace(main, time=choose.phrase(TIMES, ("wanted",), "1.time", 0.5) if main.negated else NOTHING)
    if name in ("laugh", "cry", "sleep", "dance"):
        main = replace(main, tense="now")
    pronoun = pronoun_for(subject, "2.subject")
    agreeing = Adjective(frozenset(), (english,), ("", german), spanish, "estar", ("", ""))
    plural = subject.person in ("1p", "3p")
    feminine = subject.noun.es_gender == "f"
    feeling = phrase([f"{english}:1", f"{german}:1", f"{agreeing.spanish(feminine, plural)}:1", chinese], "2.feeling")
    reason = Clause(pronoun, BY_NAME["estar"], "2", complement=feeling)
    return with_reason(main, reason), "."


def with_reason(main: Clause, reason: Clause) -> Phrase:
    """Join two clauses by "because"."""
    conjunction = phrase(["because:1", ",:0 weil:1", "porque:1", "，:0 因为:1"], "because")
    return join(clause_phrase(main), conjunction, clause_phrase(reason, "final"))


def too_expensive(choose: Chooser) -> Drawn:
    """Say why somebody does not want something: Paul does not want to buy the car because it is too old."""
    verb = BY_NAME[choose.draw.choice(("buy", "buy", "read", "carry", "sell"))]
    noun = choose.noun({"carry": ("load",), "read": ("text",)}.get(verb.en[0], ("thing", "clothes")))
    reasons = {"carry": ("heavy", "big"), "read": ("long",), "buy": ("expensive", "small", "old", "big", "heavy")}
    wanted = reasons.get(verb.en[0], ("beautiful", "new", "interesting"))
    fitting = [entry for entry in ALL_ADJECTIVES if entry.classes & noun.classes and entry.en[0] in wanted]
    if not fitting or noun.en[0] == "box" and verb.en[0] != "carry":
        return too_expensive(choose)
    thing = NounPhrase(noun, "1.object", choose.draw.choice(("the", "this")))
    main = Clause(choose.subject(slot="1.subject"), verb, object=thing, negated=True)
    sells = verb.en[0] == "sell"
    main = replace(main, modal=ALL_MODALS["want" if sells else choose.draw.choice(("want", "can"))])
    degree = VERY if sells else TOO
    return with_reason(main, described(it_for(thing, "2.subject"), choose.draw.choice(fitting), degree, "2")), "."


def when(choose: Chooser) -> Drawn:
    """Say what happens meanwhile: When my father cooks soup, the dog sleeps in the kitchen."""
    first = replace(choose.clause("d", with_object=True), time=NOTHING, time_first=False)
    second = replace(choose.clause("d", "2"), time=NOTHING, time_first=False)
    if first.subject.noun.en == second.subject.noun.en or first.verb == second.verb:
        return when(choose)
    before = phrase(["when:1", "wenn:1", "cuando:1", ""], "when")
    after = phrase([",:0", ",:0", ",:0", "的:1 时候:1 ，:0"], "when")
    return join(before, clause_phrase(first, "final"), after, clause_phrase(second, "inverted")), "."


def that(choose: Chooser) -> Drawn:
    """Tell what somebody knows, thinks or says: Laura knows that the teacher bought a new car."""
    main = Clause(choose.subject(slot="1.subject"), BY_NAME[choose.draw.choice(("know", "think", "say"))])
    second = choose.clause(choose.draw.choice("pnd"), "2")
    if main.subject.noun.en == second.subject.noun.en:
        return that(choose)
    conjunction = phrase(["that:1", ",:0 dass:1", "que:1", ""], "that")
    return join(clause_phrase(main), conjunction, clause_phrase(replace(second, time_first=False), "final")), "."


def there_is(choose: Chooser) -> Drawn:
    """Say what is somewhere: There is a black cat in the garden."""
    det = choose.draw.choice(("a", "number"))
    kinds = {
        "outdoors": ("pet", "plant"),
        "street": ("vehicle",),
        "cook": ("furniture", "fruit", "dish"),
        "shop": ("fruit",),
    }
    kind = choose.draw.choice(list(kinds))
    thing = choose.thing(choose.noun(kinds[kind]), (det,), "1.thing")
    place = choose.phrase(PLACES, (kind,), "1.place")
    exists = "1.exists"
    plural = thing.plural
    return {
        "en": words("there_are" if plural else "there_is", exists) + english_noun_phrase(thing) + place["en"],
        "de": place["de"] + words("sind" if plural else "ist", exists) + german_noun_phrase(thing, "nom"),
        "es": words("hay", exists) + spanish_noun_phrase(thing) + place["es"],
        "zh": place["zh"][1:] + words("有", exists) + chinese_noun_phrase(thing, subject=False),
    }, "."


def located(choose: Chooser) -> Drawn:
    """Say where something is: The small dog is under the table."""
    english, german, spanish, chinese = choose.draw.choice(rows(PREPOSITIONS))
    kinds = ("furniture",) if english in ("on", "under") else ("furniture", "vehicle", "plant", "house")
    ground = choose.noun(kinds)
    things = ("small", "pet") if "furniture" in ground.classes else ("pet", "vehicle", "load")
    figure = choose.noun(things)
    if figure == ground or "flower" in ground.classes:
        return located(choose)
    where = NounPhrase(
        ground, "1.place", choose.draw.choice(("the", "the", "my", "our")), choose.adjective(ground, 0.4)
    )
    subject = choose.thing(figure, ("the", "this", "own"), "1.subject", choose.draw.choice(("my", "his", "her", "our")))
    near = "1.near"
    complement = {
        "en": words(english, near) + english_noun_phrase(where),
        "de": words(german, near) + german_noun_phrase(where, "dat"),
        "es": words(spanish, near) + spanish_noun_phrase(where),
        "zh": words("在", near) + chinese_noun_phrase(where, subject=not where.adjective) + words(chinese, near),
    }
    return clause_phrase(Clause(subject, BY_NAME["estar"], complement=complement)), "."


def compared(choose: Chooser) -> Drawn:
    """Compare: This car is more expensive than my bicycle."""
    kinds = ("vehicle", "clothes", "pet", "farm", "text", "machine", "furniture", "load", "person", "family")
    kind = choose.draw.choice(kinds)
    one, other = choose.noun((kind,)), choose.noun((kind,))
    common = one.classes & other.classes
    adjectives = [entry for entry in ALL_ADJECTIVES if entry.en[1] != "-" and entry.classes & common]
    if not adjectives or (one.en == other.en and kind in ("person", "family")):
        return compared(choose)
    adjective = choose.draw.choice(adjectives)
    det = {"family": "our", "person": "the", "farm": "the"}.get(kind) or choose.draw.choice(("my", "his", "her"))
    first = NounPhrase(one, "1.subject", "my" if kind == "family" else "this")
    second = NounPhrase(other, "1.other", det)
    more, than, marked = "1.more", "1.than", "1.predicate"
    spanish = words("más", more) + words(adjective.spanish(one.es_gender == "f", False), marked)
    complement = {
        "en": words(adjective.en[1], marked, more) + words("than", than) + english_noun_phrase(second),
        "de": words(adjective.de[2], marked, more) + words("als", than) + german_noun_phrase(second, "nom"),
        "es": spanish + words("que", than) + spanish_noun_phrase(second),
        "zh": words("比", than) + chinese_noun_phrase(second, subject=False) + words(adjective.zh[1], marked),
    }
    return clause_phrase(Clause(first, BY_NAME["ser"], complement=complement)), "."


def is_very(choose: Chooser) -> Drawn:
    """Describe: Anna's new bicycle is very expensive."""
    noun = choose.noun(("vehicle", "clothes", "machine", "pet", "building", "text", "load", "family"))
    adjective = choose.predicate(noun)
    family = "family" in noun.classes
    before = None if family else choose.adjective(noun, 0.4)
    if adjective is None or (before and (before.en[1] != "-" or before.copula == "estar")):
        return is_very(choose)
    if "bridge" in noun.en or (not family and choose.draw.random() < 0.3):
        subject = NounPhrase(noun, "1.subject", choose.draw.choice(("the", "this")), before)
    else:
        subject = NounPhrase(noun, "1.subject", "owner", before, owner=choose.noun(("name",)))
    this = described(subject, adjective, VERY)
    if choose.draw.random() < 0.4:
        main = Clause(choose.subject(slot="2.subject"), BY_NAME[choose.draw.choice(("think", "say"))], "2")
        conjunction = phrase(["that:1", ",:0 dass:1", "que:1", ""], "that")
        return join(clause_phrase(main), conjunction, clause_phrase(this, "final")), "."
    return clause_phrase(this), "."


def spanish_likes(this: Clause, liked: Tokens, plural: bool) -> Tokens:
    """Write who likes something the Spanish way: to whom it is pleasing."""
    subject, noun = spanish_noun_phrase(this.subject), this.subject.concept("noun")
    denial = words("no", this.concept("not")) if this.negated else ()
    whom = words("a") + subject if subject else ()
    verb = words("gustan" if plural else "gusta", this.concept("modal"))
    return whom + denial + words(CLITICS[this.subject.person], noun) + verb + liked


def likes(choose: Chooser) -> Drawn:
    """Say what somebody likes: The old farmer likes white horses."""
    noun = choose.noun(("animal", "fruit", "drink", "flower", "food", "produce", "song", "text"))
    thing = choose.thing(noun, ("",), "1.object")
    verb = replace(BY_NAME["need"], en=("like", "likes"), de=("mag", "mag", "mögen"), zh="喜欢:modal @")
    this = Clause(choose.subject(slot="1.subject"), verb, object=thing, negated=choose.draw.random() < 0.3)
    refused = replace(this, object=replace(thing, det="no")) if this.negated else this
    written = {"en": english_clause(this, "statement"), "de": german_clause(refused, "statement")}
    as_modal = {"1.verb": "1.modal"}
    written = {language: renamed(tokens, as_modal) for language, tokens in written.items()}
    liked = spanish_noun_phrase(replace(thing, det="the"))
    spanish = spanish_likes(this, liked, thing.plural)
    return written | {"es": spanish, "zh": chinese_clause(this, "statement")}, "."


def renamed(tokens: Tokens, names: dict[str, str]) -> Tokens:
    """Rename concepts."""
    return tuple(
        Token(token.text, frozenset(names.get(concept, concept) for concept in token.concepts)) for token in tokens
    )


def likes_to(choose: Chooser) -> Drawn:
    """Say what somebody likes to do: My uncle likes to read newspapers in the park."""
    this = replace(choose.clause("d", with_object=True), time=NOTHING, time_first=False)
    gladly = replace(this, place=this.place | {"de": words("gern", "1.modal") + this.place["de"]})
    liking = replace(this, modal=Modal(("like", "likes"), (), (), "喜欢"))
    head = english_noun_phrase(this.subject) + words(("like", "likes")[this.subject.person == "3s"], "1.modal")
    plain = english_clause(replace(this, subject=NounPhrase(ALL_PRONOUNS["I"], "0")), "statement")[1:]
    liked = words(this.verb.es[0], "1.verb") + spanish_objects(this) + this.place["es"]
    return {
        "en": head + words("to") + plain,
        "de": german_clause(gladly, "statement"),
        "es": spanish_likes(this, liked, False),
        "zh": chinese_clause(liking, "statement"),
    }, "."


def gave(choose: Chooser) -> Drawn:
    """Say what somebody gives to somebody: The teacher gave the girl an interesting book."""
    subject = choose.subject(slot="1.subject")
    whom = choose.noun(("person", "family"))
    if whom.en == subject.noun.en or ("family" in whom.classes and not choose.possessive(subject)):
        return gave(choose)
    recipient = choose.thing(whom, (), "1.recipient", choose.possessive(subject))
    what = choose.thing(choose.noun(("small", "flower", "fruit", "letter")), ("a", "a", "number"), "1.object")
    this = Clause(subject, BY_NAME["give"], object=what, recipient=recipient)
    if choose.draw.random() < 0.3:
        this = replace(this, modal=ALL_MODALS["want"], time=choose.phrase(TIMES, ("wanted",), "1.time", 0.5))
        return clause_phrase(this), "."
    time = choose.phrase(TIMES, ("past",), "1.time", 0.6)
    first = any(time.values()) and choose.draw.random() < 0.3
    return clause_phrase(replace(this, tense="past", time=time, time_first=first)), "."


def has(choose: Chooser) -> Drawn:
    """Say what somebody has or needs: My aunt has three small dogs."""
    verb = BY_NAME[choose.draw.choice(("have", "have", "need"))]
    subject = choose.subject(slot="1.subject")
    what = choose.object(subject, verb, ("a", "number", "number"))
    this = Clause(subject, verb, object=what)
    if verb.en[0] == "have" and choose.draw.random() < 0.25:
        refused = replace(this, negated=True, object=replace(what, det="a", adjective=None, plural=False))
        bare = replace(refused, object=replace(refused.what, det="no"))
        written = clause_phrase(bare)
        return written | {"en": english_clause(refused, "statement")}, "."
    return clause_phrase(this), "."


def goes(choose: Chooser) -> Drawn:
    """Say where somebody goes: This evening we want to go to the cinema."""
    this = Clause(choose.subject(slot="1.subject"), BY_NAME["go"])
    kind = choose.draw.choice(("past", "daily", "wanted"))
    time = choose.phrase(TIMES, (kind,), "1.time")
    this = replace(this, complement=choose.phrase(DESTINATIONS, ("to",), "1.place"), time=time)
    this = replace(this, time_first=choose.draw.random() < 0.4, tense="past" if kind == "past" else "present")
    if kind == "wanted":
        this = replace(this, modal=choose.draw.choice(list(ALL_MODALS.values())))
    return clause_phrase(this), "."


PATTERNS: tuple[Callable[[Chooser], Drawn], ...] = (
    past, past, habit, now, without_object, modal, modal, denied, denied, asked, asked_for_more, asked_who_or_what,
    because, too_expensive, when, that, there_is, located, compared, is_very, likes, likes_to, gave, has, goes,
)  # fmt: skip


# Sentences


def finished(tokens: Tokens, language: str, mark: str) -> Tokens:
    """Contract, begin with a capital and end with a punctuation mark."""
    written: list[Token] = []
    for token in tokens:
        together = CONTRACTIONS.get((written[-1].text.lower(), token.text)) if written and language == "es" else None
        if together:
            written[-1] = Token(together, written[-1].concepts | token.concepts)
        else:
            written.append(token)
    written[0] = replace(written[0], text=written[0].text[0].upper() + written[0].text[1:])
    if language == "zh":
        mark = {".": "。", "?": "？"}[mark]
    opening = words("¿", "mark") if language == "es" and mark == "?" else ()
    return opening + tuple(written) + words(mark, "mark")


@dataclass(frozen=True)
class Sentence:
    """One sentence in every language."""

    tokens: Phrase

    def text(self, language: str) -> str:
        """Return the sentence as people write it."""
        texts = [token.text for token in self.tokens[language]]
        if language == "zh":
            return "".join(texts)
        text = " ".join(texts).replace("¿ ", "¿")
        for attached in (" .", " ?", " ,", " 's"):
            text = text.replace(attached, attached[1:])
        return text

    def tokenized(self, language: str) -> str:
        """Return the tokens between spaces."""
        return " ".join(token.text for token in self.tokens[language])

    def links(self, language: str) -> Links:
        """Link English words to words of another language, both from 1."""
        return [
            (i, j)
            for i, source in enumerate(self.tokens["en"], start=1)
            for j, target in enumerate(self.tokens[language], start=1)
            if source.concepts & target.concepts
        ]


def draw_sentence(choose: Chooser, pattern: Callable[[Chooser], Drawn]) -> Sentence:
    """Draw a sentence of a pattern and of the right length."""
    while True:
        drawn, mark = pattern(choose)
        sentence = Sentence({language: finished(drawn[language], language, mark) for language in LANGUAGES})
        if SHORTEST <= len(sentence.text("en").split()) <= LONGEST:
            return sentence


def generate(seed: int = SEED) -> tuple[list[Sentence], list[Sentence]]:
    """Return training and gold sentences; in no language is any sentence there twice."""
    choose = Chooser(random.Random(seed))
    seen: dict[str, set[str]] = {language: set() for language in LANGUAGES}
    sentences: list[Sentence] = []
    while len(sentences) < TRAINING_SIZE + GOLD_SIZE:
        for pattern in PATTERNS:
            sentence = draw_sentence(choose, pattern)
            if not any(sentence.text(language) in seen[language] for language in LANGUAGES):
                sentences.append(sentence)
                for language in LANGUAGES:
                    seen[language].add(sentence.text(language))
    sentences = sentences[: TRAINING_SIZE + GOLD_SIZE]
    choose.draw.shuffle(sentences)
    return sentences[:TRAINING_SIZE], sentences[TRAINING_SIZE:]


def sample_files() -> dict[str, str]:
    """Return the text of each file of the sample by its name."""
    training, gold = generate()
    files = {}
    for language in LANGUAGES[1:]:
        pairs = (f"{sentence.text('en')}\t{sentence.text(language)}\n" for sentence in training)
        files[f"train.en-{language}.tsv"] = "".join(pairs)
        sides = (f"{sentence.tokenized('en')} ||| {sentence.tokenized(language)}\n" for sentence in gold)
        files[f"gold.en-{language}.src-tgt"] = "".join(sides)
        links = (" ".join(f"{i}-{j}" for i, j in sentence.links(language)) + "\n" for sentence in gold)
        files[f"gold.en-{language}.gold"] = "".join(links)
    return files


def write_sample(folder: Path) -> None:
    """Write the sample into a folder."""
    for name, text in sample_files().items():
        (folder / name).write_bytes(text.encode())


if __name__ == "__main__":
    write_sample(Path(__file__).parent)
